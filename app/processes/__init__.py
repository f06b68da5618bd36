"""Binds the factory to the engine: which records processes are about, and what diagrams may call."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from app.engine import deployments
from app.engine.actors import SYSTEM, Actor
from app.engine.bindings import Bindings
from app.engine.core import ProcessEngine
from app.engine.models import Deployment
from app.engine.services import registry
from app.processes import common, directory, maintenance_request, options, parts_approval

WORKFLOWS = Path(__file__).parents[2] / "workflows"
SHARED_FORMS = Path(__file__).parents[2] / "forms"
SUFFIXES = (".bpmn", ".dmn", ".form")

__all__ = ["WORKFLOWS", "build_engine", "deploy_folder", "deploy_shipped", "read_folder"]


def build_engine() -> ProcessEngine:
    """An engine that knows this factory's processes. Cheap: FEEL starts when first needed."""
    bound = (maintenance_request.BINDING, parts_approval.BINDING)
    bindings = Bindings(
        processes={binding.key: binding for binding in bound},
        options=options.OPTIONS,
        roles=directory.ROLE_NAMES,
        eligible=directory.eligible,
        person_name=directory.person_name,
    )
    common.register()
    return ProcessEngine(services=registry, bindings=bindings)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a process folder by name, with the forms that several processes share.

    A process's own form wins over a shared one of the same name.
    """
    shared = sorted(SHARED_FORMS.glob("*.form")) if SHARED_FORMS.is_dir() else []
    own = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    return {path.name: path.read_bytes() for path in (*shared, *own)}


def deploy_folder(
    engine: ProcessEngine, session: Session, folder: Path, *, by: Actor = SYSTEM, note: str = ""
) -> Deployment:
    """Deploy the process in a folder; unchanged files change nothing. Raises as ``deploy`` does."""
    return deployments.deploy(engine, session, read_folder(folder), by=by, note=note)


def deploy_shipped(engine: ProcessEngine, session: Session) -> list[Deployment]:
    """Deploy the processes that ship with the product, where they are not deployed in any version.

    A process that an owner has changed since stays as they left it.
    """
    deployed = []
    for folder in sorted(path for path in WORKFLOWS.iterdir() if path.is_dir()):
        if deployments.latest(session, folder.name) is None:
            deployed.append(deploy_folder(engine, session, folder, note="Shipped with Millwright"))
    return deployed
