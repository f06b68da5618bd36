"""Process definitions: the files of a deployment, compiled once and kept by deployment id."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from app.engine import diagram, specs
from app.engine.decisions import DecisionModel, DmnError, parse_dmn
from app.engine.diagram import Diagram, Element
from app.engine.forms import FormSchema, FormSchemaError, load_schema
from app.engine.models import Deployment
from app.engine.outline import ProcessOutline, outline
from app.engine.specs import DefinitionError
from app.engine.xml import XmlError
from app.engine.xml import parse as parse_xml
from app.errors import NotFound

MAXIMUM_FILES = 100
MAXIMUM_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class Definition:
    """A process ready to run: its diagram, specification, forms and decisions."""

    key: str
    name: str
    diagram: Diagram
    spec: Any
    subprocess_specs: Mapping[str, Any]
    forms: Mapping[str, FormSchema]
    decisions: Mapping[str, tuple[DecisionModel, str | None]]
    bpmn: bytes
    deployment_id: int | None = None
    version: int | None = None

    @cached_property
    def variables(self) -> frozenset[str]:
        """Every variable that some element may set; one that is not set yet is null."""
        found = {"outcome", "completedBy", "errorCode", "errorMessage"}
        for element in self.diagram.elements.values():
            found.update(mapping.name for mapping in element.outputs)
            found.add(element.attributes.get("resultVariable", ""))
        for form in self.forms.values():
            found.update(field.variable for field in form.fields)
        return frozenset(found - {""})

    @cached_property
    def outline(self) -> ProcessOutline:
        """What the files say about the records of the process."""
        return outline(self.diagram, self.forms)

    def element(self, element_id: str) -> Element:
        return self.diagram.elements[element_id]

    def form(self, form_id: str) -> FormSchema:
        """The form with this id. Raises :class:`DefinitionError` where there is none."""
        try:
            return self.forms[form_id]
        except KeyError:
            raise DefinitionError(f"There is no form named {form_id}.") from None


def digest(files: Mapping[str, bytes]) -> str:
    """A fingerprint of a set of files: equal exactly when names and contents are."""
    total = hashlib.sha256()
    for name in sorted(files):
        total.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return total.hexdigest()


def compile_files(files: Mapping[str, bytes], *, deployment: Deployment | None = None) -> Definition:
    """Compile the files of one process.

    Raises :class:`DefinitionError`, ``XmlError``, ``DmnError`` or ``FormSchemaError``, each with
    a message for the process owner. :mod:`app.engine.check` finds all problems, not the first.
    """
    fingerprint = digest(files)
    compiled = _compiled.get(fingerprint)
    if compiled is None:
        compiled = _compile(files)
        if len(_compiled) >= COMPILED_LIMIT:
            _compiled.pop(next(iter(_compiled)), None)
        _compiled[fingerprint] = compiled
    if deployment is None:
        return compiled
    return replace(compiled, deployment_id=deployment.id, version=deployment.version)


# Compiled definitions by the digest of their files: the same files mean the same definition, in
# whatever deployment, check or scenario they stand.
COMPILED_LIMIT = 50
_compiled: dict[str, Definition] = {}


def _compile(files: Mapping[str, bytes]) -> Definition:
    if len(files) > MAXIMUM_FILES or sum(map(len, files.values())) > MAXIMUM_BYTES:
        raise DefinitionError(f"A process has at most {MAXIMUM_FILES} files and 8 MB together.")
    diagrams = [name for name in files if name.endswith(".bpmn")]
    if len(diagrams) != 1:
        raise DefinitionError(f"A process has exactly one .bpmn file; here are {len(diagrams)}.")
    bpmn = files[diagrams[0]]
    root = parse_xml(bpmn)
    drawn = diagram.read(root)
    if drawn is None or not drawn.key:
        raise DefinitionError("The .bpmn file has no process with an id.")
    if not drawn.executable:
        raise DefinitionError("The process is not marked as executable.")
    if drawn.process_count > 1:
        raise DefinitionError("The .bpmn file has more than one executable process.")
    spec, subprocess_specs = specs.parse(root, drawn.key)
    return Definition(
        key=drawn.key,
        name=drawn.name,
        diagram=drawn,
        spec=spec,
        subprocess_specs=subprocess_specs,
        forms=load_forms(files),
        decisions=load_decisions(files),
        bpmn=bpmn,
    )


def load_forms(files: Mapping[str, bytes]) -> dict[str, FormSchema]:
    """The forms among ``files`` by id, which is the file's stem."""
    return {
        PurePosixPath(name).stem: load_schema(content)
        for name, content in files.items()
        if name.endswith(".form")
    }


def load_decisions(files: Mapping[str, bytes]) -> dict[str, tuple[DecisionModel, str | None]]:
    """The decisions among ``files``, by their id and by their file's stem."""
    found: dict[str, tuple[DecisionModel, str | None]] = {}
    for name, content in files.items():
        if name.endswith(".dmn"):
            model = parse_dmn(content)
            found[PurePosixPath(name).stem] = (model, None)
            for decision_id in model.decisions:
                found[decision_id] = (model, decision_id)
    return found


FILE_ERRORS = (DefinitionError, XmlError, DmnError, FormSchemaError)


# The deployments that a session has made, in its ``info``: if it rolls back, SQLite gives their ids away
# again, so that nobody may remember what they stood for.
UNCOMMITTED = "uncommitted_deployments"


class DefinitionCache:
    """Compiled definitions by deployment id. Deployments never change, so neither do these."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._definitions: dict[int, Definition] = {}
        self._lock = threading.Lock()

    def get(self, session: Session, deployment_id: int) -> Definition:
        """The definition of a deployment. Raises :class:`NotFound` where there is no such one."""
        found = self._definitions.get(deployment_id)
        if found is not None:
            return found
        deployment = session.scalar(
            select(Deployment).where(Deployment.id == deployment_id).options(selectinload(Deployment.files))
        )
        if deployment is None:
            raise NotFound(f"There is no deployment {deployment_id}.")
        compiled = compile_files(
            {file.name: file.content for file in deployment.files}, deployment=deployment
        )
        if deployment_id in session.info.get(UNCOMMITTED, ()):
            return compiled
        with self._lock:
            if len(self._definitions) >= self._limit:
                self._definitions.pop(next(iter(self._definitions)))
            self._definitions[deployment_id] = compiled
        return compiled

    def put(self, deployment_id: int, definition: Definition) -> None:
        with self._lock:
            self._definitions[deployment_id] = definition
