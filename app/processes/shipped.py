"""The processes that ship with the product, and process folders in general."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from app.engine import deployments, scenario_files
from app.engine.actors import SYSTEM, Actor
from app.engine.core import ProcessEngine
from app.engine.models import Deployment

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
SHARED_FORMS = ROOT / "forms"
SUFFIXES = (".bpmn", ".dmn", ".form")


def folders() -> list[Path]:
    """The folders of the shipped processes; a folder bears its process's key."""
    return sorted(path for path in WORKFLOWS.iterdir() if path.is_dir())


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a process folder by name, with its scenarios and the forms that several processes share.

    A process's own form wins over a shared one of the same name.
    """
    shared = sorted(SHARED_FORMS.glob("*.form")) if SHARED_FORMS.is_dir() else []
    own = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    told = [path for path in (folder / scenario_files.FILE,) if path.is_file()]
    return {path.name: path.read_bytes() for path in (*shared, *own, *told)}


def deploy_folder(
    engine: ProcessEngine, session: Session, folder: Path, *, by: Actor = SYSTEM, note: str = ""
) -> Deployment:
    """Deploy the process in a folder; unchanged files change nothing. Raises as ``deploy`` does."""
    return deployments.deploy(engine, session, read_folder(folder), by=by, note=note)


def deploy_shipped(engine: ProcessEngine, session: Session) -> list[Deployment]:
    """Deploy the processes that ship with the product, where they are not deployed in any version.

    A process that an owner has changed since stays as they left it.
    """
    return [
        deploy_folder(engine, session, folder, note="Shipped with Millwright")
        for folder in folders()
        if deployments.latest(session, folder.name) is None
    ]
