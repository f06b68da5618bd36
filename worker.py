"""Starts a job worker, and with ``--scheduler`` the scheduler too: ``python worker.py --help``."""

from app.cli import main

if __name__ == "__main__":
    main(prefix=("worker",))
