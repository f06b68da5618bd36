"""Which kinds of things can be imported."""

from __future__ import annotations

from collections.abc import Mapping

from app.domain.imports.failure_codes import FailureCodes
from app.domain.imports.kind import Kind
from app.domain.imports.machines import Machines
from app.domain.imports.preventive_plans import PreventivePlans
from app.domain.imports.spare_parts import SPARE_PARTS
from app.domain.imports.users import Users

KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (Machines(), SPARE_PARTS, Users(), FailureCodes(), PreventivePlans())
}
