"""The REST API: one module a resource, each a list of declared endpoints."""

from __future__ import annotations

from functools import cache

from flask import Blueprint, Flask
from flask_cors import CORS

from app.api import (
    activity_logs,
    alerts,
    analytics,
    attachments,
    auth,
    batches,
    decisions,
    departments,
    drafts,
    dry_runs,
    exports,
    failure_codes,
    imports,
    incidents,
    instances,
    inventory,
    machine_history,
    machine_parts,
    machines,
    maintenance_requests,
    maintenance_types,
    maintenance_work,
    messages,
    migrations,
    monitor,
    notifications,
    preventive,
    preventive_jobs,
    process_figures,
    processes,
    records,
    replenishments,
    report_schedules,
    reports,
    settings,
    spare_parts,
    spare_parts_requests,
    stock_counts,
    stock_locations,
    stock_planning,
    tasks,
    users,
    vocabulary,
)
from app.api.core import authentication, documentation, limits
from app.api.core.dispatch import view_of
from app.api.core.endpoints import Endpoint, Resource, WholeNumber
from app.api.core.problems import problem_of
from app.extensions import csrf

# As the documentation lists them.
RESOURCES: tuple[Resource, ...] = (
    auth.resource,
    users.resource,
    settings.resource,
    departments.resource,
    machines.resource,
    machine_history.resource,
    machine_parts.resource,
    failure_codes.resource,
    maintenance_types.resource,
    spare_parts.resource,
    imports.resource,
    stock_planning.resource,
    stock_locations.resource,
    maintenance_requests.resource,
    maintenance_work.resource,
    spare_parts_requests.resource,
    inventory.resource,
    stock_counts.resource,
    preventive.resource,
    preventive_jobs.resource,
    replenishments.resource,
    tasks.resource,
    processes.resource,
    migrations.resource,
    process_figures.resource,
    drafts.resource,
    dry_runs.resource,
    vocabulary.resource,
    records.resource,
    instances.resource,
    batches.resource,
    incidents.resource,
    monitor.resource,
    alerts.resource,
    messages.resource,
    decisions.resource,
    attachments.resource,
    notifications.resource,
    activity_logs.resource,
    analytics.resource,
    reports.resource,
    exports.resource,
    report_schedules.resource,
)

VERSION = "v1"
PREFIXES = (f"/api/{VERSION}", "/api")  # the second is an alias of the newest version


def endpoints() -> list[Endpoint]:
    """All endpoints of the API."""
    return [endpoint for resource in RESOURCES for endpoint in resource]


@cache
def _blueprints() -> tuple[Blueprint, ...]:
    """All endpoints, under each prefix. No application owns them: the limiter keeps what it has wrapped."""
    views = {endpoint.name: view_of(endpoint) for endpoint in endpoints()}
    found = []
    for name, prefix in zip((f"api_{VERSION}", "api"), PREFIXES, strict=True):
        blueprint = Blueprint(name, __name__, url_prefix=prefix)
        for endpoint in endpoints():
            blueprint.add_url_rule(
                endpoint.flask_rule,
                endpoint=endpoint.name,
                view_func=views[endpoint.name],
                methods=[endpoint.method],
            )
        blueprint.register_error_handler(Exception, problem_of)
        csrf.exempt(blueprint)  # checked where a call is identified: bearer calls need no token
        found.append(blueprint)
    return tuple(found)


def init_api(app: Flask) -> None:
    """Give the application its API."""
    authentication.init(app)
    limits.init(app)
    _allow_other_origins(app)
    documentation.init(app, RESOURCES)
    app.url_map.converters["whole"] = WholeNumber
    for blueprint in _blueprints():
        app.register_blueprint(blueprint)


def _allow_other_origins(app: Flask) -> None:
    """Let pages of the origins named in the settings call the API with bearer tokens; by default none."""
    if origins := app.config["MILLWRIGHT_CORS_ORIGINS"]:
        CORS(
            app,
            resources={r"/api/.*": {"origins": origins}},
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"],
            expose_headers=["ETag", "Location", "Idempotency-Replayed", "Retry-After", "X-Request-ID"],
            max_age=600,
        )
