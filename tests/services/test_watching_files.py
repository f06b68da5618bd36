"""The files with which a site is watched: alerts and a dashboard name what there is, and are understood."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.orm import Session

from app import clock
from app.database import unit_of_work
from app.domain.requests import RequestStatus
from app.engine.core import ProcessEngine
from app.jobs import JobSystem
from app.ops.metrics import Metrics
from tests import factories
from tests.support.servers import MissingProgram, find

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = ROOT / "deploy" / "grafana" / "millwright.json"
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> None:
    try:
        program = find("promtool", package="prometheus")
    except MissingProgram as missing:
        pytest.skip(str(missing))
    done = subprocess.run(
        [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> Iterator[str]:
    """The questions of the dashboard and of the alerts."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


@pytest.fixture
def told(
    app: Flask, engine: ProcessEngine, database: sa.Engine, session: Session, redis_url: str
) -> set[str]:
    """The metrics of a site that has everything."""
    with unit_of_work(session):
        done = factories.make_request(session)
        done.status = RequestStatus.COMPLETED
        done.completed_at = clock.now() + timedelta(hours=1)
    metrics = Metrics(app.config, database, JobSystem(engine, database, redis_url=redis_url))
    text = metrics.answer()[0].decode()
    # Families name themselves, also where there is no sample of them yet.
    families = text_string_to_metric_families(text)
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def test_every_metric_that_is_asked_for_exists(told: set[str]) -> None:
    asked = {
        OF_HISTOGRAMS.sub("", name) if OF_HISTOGRAMS.sub("", name) in told else name
        for expression in expressions()
        for name in re.findall(r"millwright_\w+", expression.replace('"millwright-', ""))
    }
    assert asked
    assert asked - told == set()


def test_every_metric_that_is_told_is_shown_or_watched(told: set[str]) -> None:
    everything = " ".join(expressions())
    unseen = {name for name in told if name not in everything}
    assert unseen == {"millwright_build_info"} | {
        name for name in unseen if name.startswith("millwright_last_good_backup_")
    }


def test_alerts_are_understood_and_fire_when_they_shall() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


def test_the_dashboards_questions_are_understood(tmp_path: Path) -> None:
    rules = [
        {"record": f"question_{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    promtool("check", "rules", "rules.yml", folder=tmp_path)


def test_the_dashboard_is_whole() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (place["x"] + across, place["y"] + down)
            for across in range(place["w"])
            for down in range(place["h"])
        }
        assert not taken & cells, panel["title"]
        taken |= cells
    sources = {target["datasource"]["uid"] for panel in panels for target in panel.get("targets", ())}
    assert sources == {"${datasource}"}


def test_every_alert_is_explained_to_the_operator() -> None:
    guide = (ROOT / "docs" / "operators-guide.md").read_text()
    rules = [
        rule["alert"]
        for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    assert [alert for alert in rules if f"`{alert}`" not in guide] == []
