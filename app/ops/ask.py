"""Asks an address and ends with 0 if the answer is good: ``python -m app.ops.ask http://127.0.0.1:8000/readyz``.

For the health checks of containers, which have no other program that could.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

TIME_LIMIT = 4  # seconds


def ask(address: str) -> str:
    """What is wrong with what the address answers; empty where nothing is."""
    try:
        with urllib.request.urlopen(address, timeout=TIME_LIMIT):  # noqa: S310  # nosec B310  # the starter names it
            return ""
    except urllib.error.HTTPError as refused:
        with refused:
            return f"{refused.code} {refused.read(1000).decode(errors='replace')}"
    except (OSError, ValueError) as error:
        return str(error)


if __name__ == "__main__":
    wrong = ask(sys.argv[1])
    sys.exit(wrong or 0)
