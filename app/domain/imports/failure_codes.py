"""Failure codes from a file: new ones are added, known ones brought up to date."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from app.domain import catalogues
from app.domain.catalogues import FailureCode
from app.domain.entities import EntityType
from app.domain.imports.catalogue import Catalogue, Context, Field, ReadRow
from app.domain.imports.columns import Column, Needed
from app.domain.imports.part_rows import key as folded
from app.domain.preventive.due import site_date


def _checked(attribute: str) -> Any:
    return lambda cell, context: catalogues.CHECKS[attribute](cell)


class FailureCodes(Catalogue):
    """How machines fail, as the factory counts it."""

    name = "failure-codes"
    title = "Failure codes"
    one = "failure code"
    about = (
        "How machines fail, as the factory counts it. A code that is known gets the new name and description."
    )
    entity_type = EntityType.FAILURE_CODE
    columns = (
        Column(
            "code", "By what the failure is known.", "HYD-LEAK", ("failure code", "number"), Needed.ALWAYS
        ),
        Column("name", "What people call it.", "Hydraulic leak", ("failure", "title"), Needed.FOR_NEW),
        Column("description", "What belongs to it, in a sentence or two.", "Oil at a hose, seal or cylinder"),
    )
    key_column = "code"
    key_attributes = ("code",)
    fields = tuple(Field(name, name, _checked(name)) for name in ("code", "name", "description"))
    model = FailureCode
    create_action = "CREATE_FAILURE_CODE"
    update_action = "UPDATE_FAILURE_CODE"
    defaults: ClassVar[Mapping[str, Any]] = {"description": "", "active": True}

    def context(self, session: Session) -> Context:
        return Context(site_date(session))

    def key_of(self, values: Mapping[str, Any]) -> Hashable | None:
        return folded(values["code"])

    def label_of(self, values: Mapping[str, Any]) -> tuple[str, str]:
        return values["code"], values.get("name", "")

    def also_held(self) -> tuple[Any, ...]:
        return (FailureCode.active,)

    def check_known(self, session: Session, held: Any, row: ReadRow) -> Iterable[tuple[str, str]]:
        if not held.active:
            yield "code", f"{held.code} is not in use; activate it first, or leave the line out."
