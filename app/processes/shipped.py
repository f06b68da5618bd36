"""The processes that ship with the product, and process folders in general."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.domain import activity
from app.domain.entities import EntityType
from app.engine import deployments, scenario_files
from app.engine.actors import SYSTEM, Actor
from app.engine.core import ProcessEngine
from app.engine.definitions import digest
from app.engine.models import Deployment

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "workflows"
SHARED_FORMS = ROOT / "forms"
SUFFIXES = (".bpmn", ".dmn", ".form")
NOTE = "Shipped with Millwright"


@dataclass(frozen=True, slots=True)
class Offer:
    """Files of a process that ship with the program and that the site has never had.

    ``newest`` is the site's newest version; ``is_own`` says that it holds changes of the site's people, which
    nothing may take the place of unless they have looked.
    """

    newest: Deployment
    files: Mapping[str, bytes]
    is_own: bool


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
    files = read_folder(folder)
    return mark(deployments.deploy(engine, session, files, by=by, note=note))


def deploy_shipped(engine: ProcessEngine, session: Session) -> list[Deployment]:
    """Deploy the processes that ship with the product, where they are not deployed in any version.

    A process that an owner has changed since stays as they left it.
    """
    return [
        deploy_folder(engine, session, folder, note=NOTE)
        for folder in folders()
        if deployments.latest(session, folder.name) is None
    ]


def mark(deployment: Deployment) -> Deployment:
    """Note on a version that has just been deployed whether its files are those that ship."""
    folder = WORKFLOWS / deployment.key
    if folder in folders() and deployment.digest == digest(read_folder(folder)):
        deployment.shipped = True
    return deployment


def offers(session: Session) -> dict[str, Offer]:
    """What ships with the program and is newer than what the site has, by the process's key.

    What the site has had in any version is not offered again, its people went on from there, or back; nor
    is what they have declined.
    """
    found = {}
    shipping = {folder.name: folder for folder in folders()}
    query = sa.select(Deployment).where(Deployment.key.in_(shipping)).order_by(Deployment.version)
    for key, rows in groupby(sorted(session.scalars(query), key=lambda row: row.key), lambda row: row.key):
        versions = list(rows)
        newest, files = versions[-1], read_folder(shipping[key])
        settled = {row.digest for row in versions} | {row.declined_digest for row in versions}
        if digest(files) not in settled:
            as_shipped = {row.digest for row in versions if row.shipped}
            found[key] = Offer(newest, files, is_own=newest.digest not in as_shipped)
    return found


def decline(session: Session, offer: Offer, by: Actor) -> None:
    """Keep the site's version: what ships now is not offered any more; the activity log says who decided."""
    offer.newest.declined_digest = digest(offer.files)
    told = {"key": offer.newest.key, "version": offer.newest.version}
    activity.record(
        session, "DECLINE_SHIPPED_PROCESS", EntityType.PROCESS, offer.newest.id, by.user_id, after=told
    )


def offer_of(session: Session, key: str) -> Offer | None:
    """What ships with the program and is newer than what the site has of one process."""
    return offers(session).get(key)
