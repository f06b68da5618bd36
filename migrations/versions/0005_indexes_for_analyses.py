"""Indexes that the analyses read by, so that years of requests do not make them slow."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NEW = (
    (
        "ix_maintenance_requests_completed_at",
        "maintenance_requests",
        ["completed_at", "status", "machine_id"],
    ),
    ("ix_maintenance_requests_cancelled_at", "maintenance_requests", ["cancelled_at"]),
    (
        "ix_maintenance_work_completed_at",
        "maintenance_work",
        ["completed_at", "maintenance_type_id", "maintenance_request_id"],
    ),
    ("ix_work_steps_recorded_at", "maintenance_work_steps", ["recorded_at"]),
    ("ix_preventive_logs_due_on", "preventive_maintenance_logs", ["due_on"]),
    ("ix_spare_parts_requests_closed_at", "spare_parts_requests", ["closed_at"]),
)
# Those that hold more than before: the columns that they had, and what is added to them.
LONGER = (
    (
        "ix_machine_downtime_machine",
        "machine_downtime",
        ["machine_id", "started_at"],
        ["ended_at", "maintenance_request_id"],
    ),
    (
        "ix_maintenance_requests_failure_code",
        "maintenance_requests",
        ["failure_code_id", "reported_at"],
        ["status", "machine_id"],
    ),
    (
        "ix_machine_downtime_request",
        "machine_downtime",
        ["maintenance_request_id", "ended_at"],
        ["started_at", "machine_id"],
    ),
    (
        "ix_maintenance_requests_reported_at",
        "maintenance_requests",
        ["reported_at"],
        ["status", "failure_code_id", "machine_id"],
    ),
)

WITHOUT = "it is made anew with the same columns first and more behind them; nobody names it"
beyond_adding = {f"DROP INDEX {name}": WITHOUT for name, *_ in LONGER} | {
    "DROP INDEX ix_meanwhile": "it only stood in while another was made anew"
}


def upgrade() -> None:
    for name, table, columns in NEW:
        op.create_index(name, table, columns)
    for name, table, before, added in LONGER:
        _replace(name, table, [*before, *added])


def downgrade() -> None:
    for name, table, before, _ in LONGER:
        _replace(name, table, before)
    for name, table, _ in NEW:
        op.drop_index(name, table_name=table)


def _replace(name: str, table: str, columns: list[str]) -> None:
    """Make an index anew. A second one stands in meanwhile: a reference is never without an index."""
    op.create_index("ix_meanwhile", table, columns)
    op.drop_index(name, table_name=table)
    op.create_index(name, table, columns)
    op.drop_index("ix_meanwhile", table_name=table)
