"""Who may call which endpoint: the customer's authorization matrix, endpoint by endpoint.

A administrator, S supervisor, T technician, M maintenance manager, I inventory manager; O whoever has the
process owner's flag and otherwise only a technician's rights; U somebody signed in without a role; * anybody.
"""

from __future__ import annotations

RIGHTS: dict[tuple[str, str], str] = {
    # departments
    ("GET", "/departments"): "ASTMIO",
    ("GET", "/departments/{departmentId}"): "ASTMIO",
    ("POST", "/departments"): "A",
    ("PUT", "/departments/{departmentId}"): "A",
    ("DELETE", "/departments/{departmentId}"): "A",
}
