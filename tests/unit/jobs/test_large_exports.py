"""Exports of very many rows take little memory, and a PDF says where it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain import exports
from app.domain.exports import Export
from app.jobs import JobSystem, export_writing
from tests.factories import make_part, make_user

ROWS = 500_000
MOST_MEGABYTES = 300

# In a process of its own, so that the most it ever took can be asked of the system.
WRITE = dedent("""
    import json, os, sys
    import sqlalchemy as sa
    from sqlalchemy.orm import Session
    import app.domain.models
    from app import clock
    from app.database import Base, configure, unit_of_work
    from app.domain import exports
    from app.domain.parts import SparePart
    from app.domain.people import User
    from app.jobs import JobSystem, export_writing
    from app.processes import build_engine

    url, what, form, rows = os.environ["MILLWRIGHT_DATABASE_URL"], sys.argv[1], sys.argv[2], int(sys.argv[3])
    database = sa.create_engine(url)
    configure(database)
    Base.metadata.create_all(database)
    with Session(database) as session:
        for begin in range(0, rows, 5000):
            session.execute(sa.insert(SparePart), [
                {"part_number": f"P-{n:07}", "part_name": f"Part {n}", "description": "", "group_number": "1",
                 "group_name": "All", "quantity": 0, "min_quantity": 1, "unit_price": 1, "location": "",
                 "active": True}
                for n in range(begin, min(rows, begin + 5000))
            ])
        session.commit()
        user = User(email="a@x.example", name="A", password_hash="x", role="ADMIN")
        session.add(user)
        session.commit()
        with unit_of_work(session):
            scope = {"since": "2026-01-01T00:00:00+00:00", "until": "2026-02-01T00:00:00+00:00"}
            if what == exports.LIST:
                scope = {"address": "/parts/export." + form + "?sort=-partName"}
            row = exports.ask(session, user.id, report=what, title="All", form=form, scope=scope,
                              rows_expected=rows)
            job = export_writing.queue(session, row)
        export_id, job_id = row.id, job.id
    system = JobSystem(build_engine(), database)
    if what == exports.LIST:
        from app import create_app
        from app.web.list_exports import ListReports
        system.write_lists_with(ListReports(create_app))
    system.perform(job_id)

    def peak():
        # Not ru_maxrss, which begins with what the process had that started this one.
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024

    with Session(database) as session:
        row = session.get(exports.Export, export_id)
        print(json.dumps({"state": row.state, "rows": row.rows_written, "size": row.size, "error": row.error,
                          "megabytes": peak()}))
""")


@pytest.mark.long
@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("what", "form"), [("inventory", "xlsx"), (exports.LIST, "xlsx"), (exports.LIST, "csv")]
)
def test_half_a_million_rows_are_written_in_little_memory(what: str, form: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", WRITE, what, form, str(ROWS)],
        cwd=root,
        env={
            **os.environ,
            "PYTHONPATH": str(root),
            "MILLWRIGHT_DATABASE_URL": f"sqlite:///{tmp_path / 'many.db'}",
            "MILLWRIGHT_DATA": str(tmp_path),
            "MILLWRIGHT_SECRET_KEY": "only for tests",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["state"], told["rows"], told["error"]) == ("DONE", ROWS, "")
    assert told["size"] > 10_000_000
    assert told["megabytes"] < MOST_MEGABYTES, told


def test_what_a_format_cannot_hold_is_said_and_not_tried_again(
    system: JobSystem, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exports.pdf.MOST_ROWS", 1)
    with unit_of_work(session):
        keeper = make_user(session)
        for _ in range(3):
            make_part(session)
        scope = {"since": "2026-01-01T00:00:00+00:00", "until": clock.now().isoformat()}
        row = exports.ask(
            session,
            keeper.id,
            report="inventory",
            title="Inventory",
            form="pdf",
            scope=scope,
            rows_expected=3,
        )
        export_writing.queue(session, row)
    system.sweep(whoever_leads=True)
    session.expire_all()
    found = session.scalars(sa.select(Export)).one()
    assert found.state == "FAILED"
    assert "rows" in found.error
