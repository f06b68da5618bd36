"""Binds the factory to the engine: which records processes are about, and what diagrams may call."""

from __future__ import annotations

from app.domain import settings
from app.engine.bindings import Bindings
from app.engine.core import ProcessEngine
from app.engine.services import registry
from app.processes import (
    common,
    directory,
    generic,
    maintenance_request,
    options,
    parts_approval,
    preventive_maintenance,
    stock_replenishment,
)
from app.processes.shipped import WORKFLOWS, deploy_folder, deploy_shipped, read_folder

__all__ = ["WORKFLOWS", "build_engine", "deploy_folder", "deploy_shipped", "read_folder"]


def build_engine() -> ProcessEngine:
    """An engine that knows this factory's processes. Cheap: FEEL starts when first needed."""
    bound = (
        maintenance_request.BINDING,
        parts_approval.BINDING,
        preventive_maintenance.BINDING,
        stock_replenishment.BINDING,
    )
    bindings = Bindings(
        processes={binding.key: binding for binding in bound},
        fallback=generic.binding,
        reserved_keys=generic.RESERVED_KEYS,
        messages=preventive_maintenance.MESSAGES | stock_replenishment.MESSAGES,
        options=options.OPTIONS,
        roles=directory.ROLE_NAMES,
        eligible=directory.eligible,
        workforce=directory.workforce,
        colleagues=directory.colleagues,
        tell=directory.tell,
        person_name=directory.person_name,
        time_zone=lambda session: settings.site(session).time_zone,
    )
    common.register()
    return ProcessEngine(services=registry, bindings=bindings)
