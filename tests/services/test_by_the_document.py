"""The whole lifecycle over the API of a served site, by a program that knows only the OpenAPI document."""

from __future__ import annotations

import subprocess
import sys

from tests.support.site import ROOT, Site


def test_a_machine_is_repaired_by_a_program_that_reads_only_the_document(demo_site: Site) -> None:
    script = ROOT / "examples" / "repair_a_machine.py"
    done = subprocess.run(
        [sys.executable, str(script), demo_site.url], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert "is COMPLETED" in last and last.endswith("OPERATIONAL.")
