"""Moving running instances to another version: a look beforehand, the order, and how far it is."""

from __future__ import annotations

from app.api.core import calls
from app.api.core.endpoints import Resource
from app.api.core.schemas import PageOf
from app.api.migration_schemas import (
    MigrationIn,
    MigrationName,
    MigrationOut,
    MigrationPreviewIn,
    MigrationPreviewOut,
    MigrationResultFilters,
    MigrationResultOut,
)
from app.api.process_schemas import ProcessKey
from app.domain.queries.paging import Page
from app.engine import migration, migration_batch
from app.engine.migration_batch import Progress, Result
from app.errors import BusinessError
from app.processes import migrating

resource = Resource("Migrations", "Running instances that go on in another version of their process.")


@resource.post("/processes/{key}/migrate/preview", needs="processes:deploy", answers=MigrationPreviewOut)
def preview_migration(key: ProcessKey, body: MigrationPreviewIn) -> MigrationPreviewOut:
    """Say which running instances can move to another version, and why others cannot. Nothing is changed.

    Of the instances named, or of all open ones that have another version (`fromVersion` if given); 500
    at most, oldest first.
    """
    forecasts = migration.plan(
        calls.engine(),
        calls.session(),
        key,
        body.to_version,
        from_version=body.from_version,
        instance_ids=body.instance_ids,
        mapping=body.mapping,
    )
    return MigrationPreviewOut.model_validate({"to_version": body.to_version, "instances": forecasts})


@resource.post("/processes/{key}/migrate", needs="processes:deploy", answers=MigrationOut, status=202)
def migrate_process(key: ProcessKey, body: MigrationIn) -> Progress:
    """Let running instances go on in another version of their process.

    Each is moved by itself right after this answer, so that one that cannot move keeps no other from it.
    `Location` says where to follow them. At most 2,000 move at a time.
    """
    session = calls.session()
    if (body.instance_ids is None) is not body.everything:
        message = "Name the instances that move, or say that all move: one of the two."
        raise BusinessError("INSTANCES_MISSING", message, field="instanceIds")
    batch = migrating.begin(
        calls.engine(),
        session,
        key,
        body.to_version,
        by=calls.actor(),
        reason=body.reason,
        instance_ids=body.instance_ids,
        from_version=body.from_version,
        mapping=body.mapping,
    )
    calls.location(f"/processes/{key}/migrations/{batch.name}")
    return migration_batch.progress(session, key, batch.name)


@resource.get("/processes/{key}/migrations/{name}", needs="processes:read", answers=MigrationOut)
def get_migration(key: ProcessKey, name: MigrationName) -> Progress:
    """Get how far a migration is. It is done when none of its instances waits any more."""
    return migration_batch.progress(calls.session(), key, name)


@resource.get(
    "/processes/{key}/migrations/{name}/instances",
    needs="processes:read",
    answers=PageOf[MigrationResultOut],
)
def list_migrated_instances(
    key: ProcessKey, name: MigrationName, query: MigrationResultFilters
) -> Page[Result]:
    """List what became of the instances of a migration: first those that stay, then those that wait."""
    session = calls.session()
    migration_batch.progress(session, key, name)
    found = migration_batch.results(session, name, page=query.page, page_size=query.page_size)
    return Page(found.items, found.total, found.page, found.page_size)
