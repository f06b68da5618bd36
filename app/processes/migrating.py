"""Moving running instances to another version, and writing down who wanted it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.domain import activity
from app.domain.entities import EntityType
from app.engine import migration_batch
from app.engine.actors import Actor
from app.engine.core import ProcessEngine
from app.engine.deployments import get_version
from app.engine.migration_batch import Batch


def begin(
    engine: ProcessEngine,
    session: Session,
    key: str,
    to_version: int,
    *,
    by: Actor,
    reason: str,
    instance_ids: Collection[int] | None = None,
    from_version: int | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Batch:
    """Have instances go on in ``to_version``, as :func:`app.engine.migration_batch.begin` says, and write
    that down in the activity log. Raises as that does."""
    batch = migration_batch.begin(
        engine,
        session,
        key,
        to_version,
        by=by,
        reason=reason,
        instance_ids=instance_ids,
        from_version=from_version,
        mapping=mapping,
    )
    told: dict[str, Any] = {"key": key, "toVersion": to_version, "instances": len(batch.job_ids)}
    if from_version is not None:
        told["fromVersion"] = from_version
    if mapping:
        told["mapping"] = dict(mapping)
    target = get_version(session, key, to_version)
    activity.record(session, "MIGRATE_INSTANCES", EntityType.PROCESS, target.id, by.user_id, after=told)
    return batch
