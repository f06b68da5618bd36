"""``python -m app.cli`` is the ``millwright`` command."""

from app.cli import main

main()
