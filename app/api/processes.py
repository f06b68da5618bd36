"""Processes: their versions and files, checking and deploying them, and starting instances."""

from __future__ import annotations

from app.api import named_files
from app.api.core import calls
from app.api.core.endpoints import Download, Resource
from app.api.core.schemas import PageOf
from app.api.instance_schemas import InstanceOut, instance_out
from app.api.process_checks import check_out, examine_check, examine_deploy, refused
from app.api.process_schemas import (
    CheckIn,
    CheckOut,
    DeployIn,
    DifferencesOut,
    DiffQuery,
    ElementOut,
    FileOut,
    ProcessDetail,
    ProcessFilters,
    ProcessKey,
    ProcessOut,
    StartIn,
    Version,
    VersionDetail,
    VersionFilters,
    VersionOut,
)
from app.api.task_schemas import FormOut, form_out
from app.domain.queries.paging import Page
from app.engine import deployments, differences, instances, queries, user_tasks
from app.engine.definitions import Definition
from app.engine.differences import Differences
from app.engine.models import Deployment
from app.engine.queries import ProcessRow, VersionRow
from app.engine.user_tasks import InvalidSubmission
from app.errors import Forbidden, NotFound
from app.processes import publishing
from app.processes.publishing import Assessment, NotDeployable

resource = Resource(
    "Processes", "What the factory does, as diagrams, decision tables and forms, in numbered versions."
)

MEDIA = {
    "bpmn": "application/xml",
    "dmn": "application/xml",
    "form": "text/plain",  # a text to save, not an answer to be read as JSON
    "yaml": "text/plain",
}
OTHER = "application/octet-stream"


# -- reading -------------------------------------------------------------------------------------


@resource.get("/processes", needs="processes:read", answers=PageOf[ProcessOut])
def list_processes(query: ProcessFilters) -> Page[ProcessOut]:
    """List the deployed processes, by name."""
    words = query.q.casefold().split()
    found = [
        _process_out(row)
        for row in queries.list_processes(calls.session())
        if all(word in f"{row.deployment.name} {row.deployment.key}".casefold() for word in words)
    ]
    first = (query.page - 1) * query.page_size
    return Page(found[first : first + query.page_size], len(found), query.page, query.page_size)


@resource.get("/processes/{key}", needs="processes:read", answers=ProcessDetail)
def get_process(key: ProcessKey) -> ProcessDetail:
    """Get a process with what its newest diagram says."""
    row = next((row for row in queries.list_processes(calls.session()) if row.deployment.key == key), None)
    if row is None:
        raise NotFound(f"No process named {key} is deployed.")
    definition = calls.engine().definition(calls.session(), row.deployment.id)
    start = next((start for start in definition.diagram.starts if start.event is None), None)
    return ProcessDetail(
        **_process_out(row).model_dump(),
        documentation=definition.diagram.documentation,
        subject_type=calls.engine().binding(key).subject_type,
        start_roles=_listed(row.deployment.start_roles),
        start_messages=list(definition.diagram.start_messages),
        has_start_form=start is not None and start.form is not None,
        elements=_elements(definition),
        decisions=sorted(definition.decisions),
    )


@resource.get("/processes/{key}/versions", needs="processes:read", answers=PageOf[VersionOut])
def list_process_versions(key: ProcessKey, query: VersionFilters) -> Page[VersionOut]:
    """List the versions of a process, newest first."""
    _latest(key)
    found = queries.list_versions(calls.session(), key, page=query.page, page_size=query.page_size)
    return Page([_version_out(row) for row in found.items], found.total, found.page, found.page_size)


@resource.get("/processes/{key}/versions/{version}", needs="processes:read", answers=VersionDetail)
def get_process_version(key: ProcessKey, version: Version) -> VersionDetail:
    """Get a version with the names of its files and its elements."""
    return _version_detail(deployments.get_version(calls.session(), key, version))


@resource.get(
    "/processes/{key}/versions/{version}/files/{name}",
    needs="processes:read",
    answers=Download,
    media=(*dict.fromkeys(MEDIA.values()), OTHER),
)
def download_process_file(key: ProcessKey, version: Version, name: ProcessKey) -> Download:
    """Download a file of a version, as it was deployed. It is saved, never shown."""
    deployment = deployments.get_version(calls.session(), key, version)
    files = deployments.files_of(calls.session(), deployment.id)
    if name not in files:
        raise NotFound(f"Version {version} of {key} has no file of that name.")
    return Download(files[name], MEDIA.get(name.rpartition(".")[2], OTHER), name)


@resource.get("/processes/{key}/diff", needs="processes:read", answers=DifferencesOut)
def compare_process_versions(key: ProcessKey, query: DiffQuery) -> Differences:
    """Tell what differs between two versions: diagram, decision tables, forms and files.

    Without `to`, the newest version is meant.
    """
    session = calls.session()
    old = deployments.get_version(session, key, query.from_version)
    new = (
        _latest(key) if query.to_version is None else deployments.get_version(session, key, query.to_version)
    )
    return differences.compare(deployments.files_of(session, old.id), deployments.files_of(session, new.id))


# -- changing ------------------------------------------------------------------------------------


@resource.post("/processes/{key}/check", needs="processes:deploy", answers=CheckOut, prepares=examine_check)
def check_process(key: ProcessKey, body: CheckIn, prepared: Assessment) -> CheckOut:
    """Look for mistakes in files, and run their scenarios if asked to. Nothing is deployed."""
    return check_out(prepared)


@resource.post(
    "/processes/{key}/deploy",
    needs="processes:deploy",
    answers=VersionDetail,
    status=201,
    prepares=examine_deploy,
)
def deploy_process(key: ProcessKey, body: DeployIn, prepared: Assessment) -> VersionDetail:
    """Make files the newest version of a process. The same files again change nothing.

    Refused with all problems where the checks find errors, and where a scenario among the files fails.
    Running instances keep their version; new ones start with this one.
    """
    try:
        deployment = publishing.publish(
            calls.engine(),
            calls.session(),
            prepared,
            by=calls.actor(),
            note=body.note,
            override_scenarios=body.override_scenarios,
        )
    except NotDeployable as refusal:
        raise refused(refusal) from None
    calls.location(f"/processes/{key}/versions/{deployment.version}")
    return _version_detail(deployment)


# -- starting ------------------------------------------------------------------------------------


@resource.get("/processes/{key}/start-form", needs="processes:start", answers=FormOut)
def get_process_start_form(key: ProcessKey) -> FormOut:
    """Get the form that starts a process, for those who may start it."""
    deployment = _startable(key)
    engine, session = calls.engine(), calls.session()
    form = user_tasks.start_form(engine, session, key, calls.actor(), deployment=deployment)
    definition = engine.definition(session, deployment.id)
    start = next(start for start in definition.diagram.starts if start.event is None)
    return form_out(form, start.form, deployment.id)


@resource.post("/processes/{key}/start", needs="processes:start", answers=InstanceOut, status=201)
def start_process(key: ProcessKey, body: StartIn) -> InstanceOut:
    """Start an instance of the newest version with the answers of its start form."""
    deployment = _startable(key)
    engine, session, actor = calls.engine(), calls.session(), calls.actor()
    form = user_tasks.start_form(engine, session, key, actor, deployment=deployment, json=body.values)
    if not form.validate():
        raise InvalidSubmission(form)
    named: list[int] = []
    for path, ids in form.given_files.items():
        named_files.checker()(path, ids)
        named += ids
    instance = instances.start(engine, session, key, actor, form.values(), deployment=deployment)
    named_files.link(instance.subject_type, instance.subject_id, named)
    calls.location(f"/instances/{instance.id}")
    return instance_out(queries.instance_row(session, instance))


# -- inner parts ---------------------------------------------------------------------------------


def _latest(key: str) -> Deployment:
    """The newest version of a process. Raises :class:`NotFound`."""
    found = deployments.latest(calls.session(), key)
    if found is None:
        raise NotFound(f"No process named {key} is deployed.")
    return found


def _startable(key: str) -> Deployment:
    deployment = _latest(key)
    if not instances.may_start(deployment, calls.actor()):
        roles = calls.engine().bindings.roles
        names = [roles.get(role, role) for role in _listed(deployment.start_roles)]
        raise Forbidden(f"{deployment.name} is started by: {', '.join(names)}.")
    return deployment


def _listed(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def _elements(definition: Definition) -> list[ElementOut]:
    return [
        ElementOut(id=element.id, name=element.label, type=element.type)
        for element in definition.diagram.elements.values()
    ]


def _process_out(row: ProcessRow) -> ProcessOut:
    deployment = row.deployment
    return ProcessOut(
        key=deployment.key,
        name=deployment.name,
        version=deployment.version,
        versions=row.versions,
        deployed_at=deployment.deployed_at,
        deployed_by=deployment.deployed_by_name,
        open_instances=row.open_instances,
        open_incidents=row.open_incidents,
    )


def _version_out(row: VersionRow) -> VersionOut:
    deployment = row.deployment
    return VersionOut(
        version=deployment.version,
        name=deployment.name,
        note=deployment.note,
        digest=deployment.digest,
        deployed_at=deployment.deployed_at,
        deployed_by=deployment.deployed_by_name,
        open_instances=row.open_instances,
    )


def _version_detail(deployment: Deployment) -> VersionDetail:
    session = calls.session()
    files = deployments.files_of(session, deployment.id)
    definition = calls.engine().definition(session, deployment.id)
    return VersionDetail(
        **_version_out(queries.version_row(session, deployment)).model_dump(),
        files=[FileOut(name=name, size=len(content)) for name, content in files.items()],
        elements=_elements(definition),
    )
