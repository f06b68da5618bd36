"""Excel files open in LibreOffice, which reads them more strictly than most, without repairing anything."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.domain.imports.kinds import KINDS
from app.domain.reports.model import Chart, Column, Kind, Report
from app.exports import formats, import_templates

OFFICE = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice Calc (libreoffice-calc)")


def converted(folder: Path, content: bytes) -> list[list[str]]:
    """The first sheet of a workbook as LibreOffice reads it."""
    source = folder / "book.xlsx"
    source.write_bytes(content)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    command = [str(OFFICE), profile, "--headless", "--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76"]
    done = subprocess.run(
        [*command, "--outdir", str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "repair" not in done.stderr.lower()
    return list(csv.reader(io.StringIO((folder / "book.csv").read_text())))


def test_a_report_with_a_chart_opens(tmp_path: Path) -> None:
    report = Report(
        name="downtime",
        title="Downtime",
        subtitle=("2026-03-01 to 2026-03-31",),
        site="Works",
        zone=ZoneInfo("Europe/Berlin"),
        currency="EUR",
        generated_at=datetime(2026, 3, 31, tzinfo=UTC),
        columns=(
            Column("machine", "Machine"),
            Column("minutes", "Downtime, min", Kind.MINUTES, total=True),
            Column("cost", "Cost", Kind.MONEY, total=True),
        ),
        rows=iter([("=Press", 90, Decimal("12.50")), ("Żuraw", 30, Decimal("1.00"))]),
        chart=Chart("bar", "machine", "minutes"),
    )
    stream = io.BytesIO()
    formats.write(report, "xlsx", stream)
    rows = converted(tmp_path, stream.getvalue())
    assert [row[:3] for row in rows[:4]] == [
        ["Machine", "Downtime, min", "Cost"],
        ["=Press", "90", "12.50"],
        ["Żuraw", "30", "1.00"],
        ["Total", "120", "13.50"],
    ]


@pytest.mark.parametrize("name", list(KINDS))
def test_templates_open(tmp_path: Path, name: str) -> None:
    kind = KINDS[name]
    rows = converted(tmp_path, import_templates.as_xlsx(kind.title, kind.columns))
    assert rows[0] == [column.name for column in kind.columns]
