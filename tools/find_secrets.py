"""Looks for passwords and keys in what is committed: ``python tools/find_secrets.py [--history]``.

What looks like one is what detect-secrets recognises: keys of many services, private keys, passwords in
addresses, values of names such as ``password``, and text that is too random for words. Looked at are the
files that git tracks, and with ``--history`` every line that any commit has ever added: what was committed
once is known to whoever has a copy. Values that are none are in ``tools/not_secret.yml``, with why.

Ends with 1 where something is found.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from pathlib import Path

import yaml
from detect_secrets.core import scan
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parents[1]
NOT_SECRET = ROOT / "tools" / "not_secret.yml"


def accepted() -> frozenset[str]:
    """The values that only look like secrets."""
    groups = yaml.safe_load(NOT_SECRET.read_text(encoding="utf-8"))
    return frozenset(str(value) for values in groups.values() for value in values)


def find(files: Iterable[Path]) -> list[PotentialSecret]:
    """What looks like a secret in these files, but for what is :func:`accepted`."""
    known = accepted()
    with Pool(os.cpu_count()) as pool:
        looked = pool.imap_unordered(_look_into, map(str, files), chunksize=8)
        secrets = [each for found in looked for each in found if each.secret_value not in known]
    return sorted(secrets, key=lambda each: (each.filename, each.line_number, each.type))


def _look_into(file: str) -> list[PotentialSecret]:
    with default_settings():
        return list(scan.scan_file(file))


def tracked() -> list[Path]:
    """The files that git knows."""
    names = _git("ls-files", "-z").decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def added_ever(folder: Path) -> Iterator[Path]:
    """Every line that any commit has added, once, in files below ``folder`` named as those that had them."""
    seen: set[bytes] = set()
    for number, (name, content) in enumerate(_blobs()):
        lines = [line for line in dict.fromkeys(content.splitlines()) if line not in seen]
        if b"\0" in content or not lines:
            continue
        seen.update(lines)
        path = folder / str(number) / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"\n".join(lines) + b"\n")
        yield path


def _blobs() -> Iterator[tuple[str, bytes]]:
    """Each version of each file of each commit, with a name that it had."""
    listed = (line.partition(b" ") for line in _git("rev-list", "--objects", "--all").splitlines())
    names = {number: name.decode() for number, _, name in listed if name}
    kinds = _git("cat-file", "--batch-check=%(objectname) %(objecttype)", given=b"\n".join(names))
    blobs = [line.split()[0] for line in kinds.splitlines() if line.endswith(b" blob")]
    content = _git("cat-file", "--batch", given=b"\n".join(blobs))
    at = 0
    for number in blobs:
        end = content.index(b"\n", at)
        size = int(content[at:end].rpartition(b" ")[2])
        yield names[number], content[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _git(*arguments: str, given: bytes = b"") -> bytes:
    # In a container the checkout may be somebody else's, which git takes amiss.
    command = ["git", "-c", f"safe.directory={ROOT}", *arguments]
    return subprocess.run(command, cwd=ROOT, input=given, capture_output=True, check=True).stdout


def main(arguments: list[str]) -> int:
    if not (ROOT / ".git").exists():
        print("No secrets were looked for: this is not a git checkout.", file=sys.stderr)
        return 0
    if "--history" in arguments:
        with tempfile.TemporaryDirectory() as folder:
            found = find(added_ever(Path(folder)))
        lines = [f"{_name_then(each, folder)}: {each.type}: {each.secret_value}" for each in found]
    else:
        found = find(tracked())
        lines = [
            f"{Path(each.filename).relative_to(ROOT)}:{each.line_number}: {each.type}: {each.secret_value}"
            for each in found
        ]
    for line in lines:
        print(line)
    if found:
        print(f"{len(found)} may be secrets. What is none belongs into tools/not_secret.yml.")
    return 1 if found else 0


def _name_then(secret: PotentialSecret, folder: str) -> str:
    """What the file was called that had this line; where in it says nothing, since lines are seen once."""
    return str(Path(*Path(secret.filename).relative_to(folder).parts[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
