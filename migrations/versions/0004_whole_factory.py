"""The rest of the factory: preventive jobs, replenishments, stock counts, what stock cost, who sweeps."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMBLOB

from app import database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# What this does beyond adding, and why the version before is not hurt.
beyond_adding = {
    "ALTER TABLE spare_parts_usage MODIFY cost NUMERIC(16, 2)": "what either version writes fits",
    "UPDATE stock_reservations SET reserved_at": "a column that the version before does not know",
}

LONG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CONTENT = sa.LargeBinary().with_variant(MEDIUMBLOB(), "mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("worked_at", database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("scope", database.CompactJson(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("rows_written", sa.Integer(), nullable=False),
        sa.Column("rows_expected", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("finished_at", database.UtcDateTime(), nullable=True),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_exports_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])
    op.create_index("ix_exports_user", "exports", ["user_id", "id"])
    op.create_table(
        "import_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", CONTENT, nullable=False),
        sa.Column("choices", database.CompactJson(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_import_files_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_files")),
    )
    op.create_index("ix_import_files_created_at", "import_files", ["created_at"])
    op.create_table(
        "notification_choices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("by_mail", sa.String(length=10), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notification_choices_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification_choices")),
        sa.UniqueConstraint("user_id", "kind", name=op.f("uq_notification_choices_user_id_kind")),
    )
    op.create_table(
        "report_schedules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("report", sa.String(length=40), nullable=False),
        sa.Column("format", sa.String(length=10), nullable=False),
        sa.Column("period", sa.String(length=10), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("rrule", sa.String(length=200), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("recipients", database.CompactJson(), nullable=False),
        sa.Column("reach", database.CompactJson(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_at", database.UtcDateTime(), nullable=True),
        sa.Column("last_at", database.UtcDateTime(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("fk_report_schedules_department_id")
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_report_schedules_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_schedules")),
    )
    op.create_index("ix_report_schedules_next_at", "report_schedules", ["next_at"])
    op.create_index("ix_report_schedules_owner", "report_schedules", ["owner_id"])
    op.create_table(
        "stock_counts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("selection", sa.String(length=255), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("closed_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", database.UtcDateTime(), nullable=True),
        sa.Column("closing_reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["closed_by"], ["users.id"], name=op.f("fk_stock_counts_closed_by")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["stock_locations.id"], name=op.f("fk_stock_counts_location_id")
        ),
        sa.ForeignKeyConstraint(["started_by"], ["users.id"], name=op.f("fk_stock_counts_started_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_counts")),
        sa.UniqueConstraint("business_key", name=op.f("uq_stock_counts_business_key")),
    )
    op.create_index("ix_stock_counts_created_at", "stock_counts", ["created_at"])
    op.create_index("ix_stock_counts_location", "stock_counts", ["location_id", "created_at"])
    op.create_index("ix_stock_counts_status", "stock_counts", ["status", "created_at"])
    op.create_table(
        "stock_replenishments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=30), nullable=True),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("open_part_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("quantity_suggested", sa.Integer(), nullable=False),
        sa.Column("quantity_ordered", sa.Integer(), nullable=True),
        sa.Column("quantity_received", sa.Integer(), nullable=False),
        sa.Column("unit_price", database.Money(), nullable=True),
        sa.Column("supplier", sa.String(length=255), nullable=False),
        sa.Column("expected_on", sa.Date(), nullable=True),
        sa.Column("ordered_by", sa.Integer(), nullable=True),
        sa.Column("ordered_at", database.UtcDateTime(), nullable=True),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", database.UtcDateTime(), nullable=True),
        sa.Column("closing_reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["users.id"], name=op.f("fk_stock_replenishments_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["ordered_by"], ["users.id"], name=op.f("fk_stock_replenishments_ordered_by")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_stock_replenishments_spare_part_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_replenishments")),
        sa.UniqueConstraint("business_key", name=op.f("uq_stock_replenishments_business_key")),
        sa.UniqueConstraint("open_part_id", name=op.f("uq_stock_replenishments_open_part_id")),
    )
    op.create_index("ix_stock_replenishments_created_at", "stock_replenishments", ["created_at"])
    op.create_index("ix_stock_replenishments_expected_on", "stock_replenishments", ["expected_on"])
    op.create_index("ix_stock_replenishments_part", "stock_replenishments", ["spare_part_id", "status"])
    op.create_index("ix_stock_replenishments_status", "stock_replenishments", ["status", "created_at"])
    op.create_table(
        "export_pieces",
        sa.Column("id", LONG, nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("content", CONTENT, nullable=False),
        sa.ForeignKeyConstraint(["export_id"], ["exports.id"], name=op.f("fk_export_pieces_export_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export_pieces")),
        sa.UniqueConstraint("export_id", "position", name=op.f("uq_export_pieces_export_id_position")),
    )
    op.create_table(
        "stock_cost_layers",
        sa.Column("id", LONG, nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", LONG, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("cost", database.Worth(), nullable=False),
        sa.Column("quantity_left", sa.Integer(), nullable=False),
        sa.Column("cost_left", database.Worth(), nullable=False),
        sa.CheckConstraint(
            "cost_left >= 0 AND cost_left <= cost", name=op.f("ck_stock_cost_layers_cost_left")
        ),
        sa.CheckConstraint(
            "quantity_left >= 0 AND quantity_left <= quantity",
            name=op.f("ck_stock_cost_layers_quantity_left"),
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_stock_cost_layers_spare_part_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["spare_parts_inventory_transactions.id"],
            name=op.f("fk_stock_cost_layers_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_cost_layers")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_stock_cost_layers_transaction_id")),
    )
    op.create_index("ix_stock_cost_layers_part", "stock_cost_layers", ["spare_part_id", "quantity_left"])
    op.create_table(
        "stock_count_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("count_id", sa.Integer(), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=True),
        sa.Column("counted", sa.Integer(), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("counted_by", sa.Integer(), nullable=True),
        sa.Column("counted_at", database.UtcDateTime(), nullable=True),
        sa.Column("earlier", sa.Integer(), nullable=True),
        sa.Column("recount", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.String(length=500), nullable=False),
        sa.Column("transaction_id", LONG, nullable=True),
        sa.ForeignKeyConstraint(
            ["count_id"], ["stock_counts.id"], name=op.f("fk_stock_count_lines_count_id")
        ),
        sa.ForeignKeyConstraint(["counted_by"], ["users.id"], name=op.f("fk_stock_count_lines_counted_by")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["stock_locations.id"], name=op.f("fk_stock_count_lines_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_stock_count_lines_spare_part_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["spare_parts_inventory_transactions.id"],
            name=op.f("fk_stock_count_lines_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count_lines")),
        sa.UniqueConstraint(
            "count_id", "spare_part_id", name=op.f("uq_stock_count_lines_count_id_spare_part_id")
        ),
        sa.UniqueConstraint("spare_part_id", "location_id", "is_open", name="uq_stock_count_lines_open"),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_stock_count_lines_transaction_id")),
    )
    op.create_index(
        "ix_stock_count_lines_location", "stock_count_lines", ["location_id", "spare_part_id", "counted_at"]
    )
    op.create_table(
        "preventive_maintenance_jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=30), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("opened_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.Column("ended_by", sa.Integer(), nullable=True),
        sa.Column("closing_reason", sa.Text(), nullable=False),
        sa.Column("log_id", LONG, nullable=True),
        sa.Column("maintenance_request_id", sa.Integer(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ended_by"], ["users.id"], name=op.f("fk_preventive_maintenance_jobs_ended_by")
        ),
        sa.ForeignKeyConstraint(
            ["log_id"], ["preventive_maintenance_logs.id"], name=op.f("fk_preventive_maintenance_jobs_log_id")
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_request_id"],
            ["maintenance_requests.id"],
            name=op.f("fk_preventive_maintenance_jobs_maintenance_request_id"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["preventive_maintenance_tasks.id"],
            name=op.f("fk_preventive_maintenance_jobs_task_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preventive_maintenance_jobs")),
        sa.UniqueConstraint("business_key", name=op.f("uq_preventive_maintenance_jobs_business_key")),
        sa.UniqueConstraint("task_id", "due_on", name=op.f("uq_preventive_maintenance_jobs_task_id_due_on")),
    )
    op.create_index("ix_preventive_jobs_due", "preventive_maintenance_jobs", ["due_on"])
    op.create_index("ix_preventive_jobs_request", "preventive_maintenance_jobs", ["maintenance_request_id"])
    op.create_index("ix_preventive_jobs_status", "preventive_maintenance_jobs", ["status", "due_on"])
    op.create_index(
        "ix_preventive_jobs_task_status", "preventive_maintenance_jobs", ["task_id", "status", "due_on"]
    )
    op.create_table(
        "stock_cost_layer_uses",
        sa.Column("id", LONG, nullable=False),
        sa.Column("layer_id", LONG, nullable=False),
        sa.Column("transaction_id", LONG, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("cost", database.Worth(), nullable=False),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["stock_cost_layers.id"], name=op.f("fk_stock_cost_layer_uses_layer_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["spare_parts_inventory_transactions.id"],
            name=op.f("fk_stock_cost_layer_uses_transaction_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_cost_layer_uses")),
        sa.UniqueConstraint(
            "transaction_id", "layer_id", name=op.f("uq_stock_cost_layer_uses_transaction_id_layer_id")
        ),
    )
    op.create_index("ix_stock_cost_layer_uses_layer", "stock_cost_layer_uses", ["layer_id"])
    op.add_column("notifications", sa.Column("mail_at", database.UtcDateTime(), nullable=True))
    op.create_index("ix_notifications_mail_at", "notifications", ["mail_at", "user_id"])
    op.add_column(
        "preventive_maintenance_tasks",
        sa.Column("missed", sa.String(length=10), server_default="EACH", nullable=False),
    )
    op.add_column("preventive_maintenance_tasks", sa.Column("next_job_on", sa.Date(), nullable=True))
    op.add_column("preventive_maintenance_tasks", sa.Column("opens_on", sa.Date(), nullable=True))
    op.add_column(
        "preventive_maintenance_tasks", sa.Column("open_after", database.UtcDateTime(), nullable=True)
    )
    op.add_column(
        "preventive_maintenance_tasks",
        sa.Column("opening_error", sa.String(length=500), server_default="", nullable=False),
    )
    op.create_index("ix_preventive_tasks_opens", "preventive_maintenance_tasks", ["active", "opens_on"])
    op.add_column(
        "spare_parts",
        sa.Column("average_value", database.Worth(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "spare_parts", sa.Column("fifo_value", database.Worth(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column(
        "spare_parts_inventory_transactions",
        sa.Column("cost", database.Worth(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "spare_parts_inventory_transactions",
        sa.Column("average_cost", database.Worth(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "spare_parts_inventory_transactions",
        sa.Column("fifo_cost", database.Worth(), server_default=sa.text("0"), nullable=False),
    )
    op.add_column(
        "stock_reservations",
        sa.Column(
            "reserved_at",
            database.UtcDateTime(),
            server_default=sa.text("'1970-01-01 00:00:00'"),
            nullable=False,
        ),
    )
    _usage_cost(database.Worth())
    _fill()


def downgrade() -> None:
    _usage_cost(database.Money())
    op.drop_column("stock_reservations", "reserved_at")
    op.drop_column("spare_parts_inventory_transactions", "fifo_cost")
    op.drop_column("spare_parts_inventory_transactions", "average_cost")
    op.drop_column("spare_parts_inventory_transactions", "cost")
    op.drop_column("spare_parts", "fifo_value")
    op.drop_column("spare_parts", "average_value")
    op.drop_index("ix_preventive_tasks_opens", table_name="preventive_maintenance_tasks")
    op.drop_column("preventive_maintenance_tasks", "opening_error")
    op.drop_column("preventive_maintenance_tasks", "open_after")
    op.drop_column("preventive_maintenance_tasks", "opens_on")
    op.drop_column("preventive_maintenance_tasks", "next_job_on")
    op.drop_column("preventive_maintenance_tasks", "missed")
    op.drop_index("ix_notifications_mail_at", table_name="notifications")
    op.drop_column("notifications", "mail_at")
    op.drop_table("stock_cost_layer_uses")
    op.drop_table("preventive_maintenance_jobs")
    op.drop_table("stock_count_lines")
    op.drop_table("stock_cost_layers")
    op.drop_table("export_pieces")
    op.drop_table("stock_replenishments")
    op.drop_table("stock_counts")
    op.drop_table("report_schedules")
    op.drop_table("notification_choices")
    op.drop_table("import_files")
    op.drop_table("exports")
    op.drop_table("leases")


# -- what is there already -------------------------------------------------------------------------

MOVEMENTS = sa.table(
    "spare_parts_inventory_transactions",
    sa.column("id", LONG),
    sa.column("spare_part_id", sa.Integer),
    sa.column("transaction_type", sa.String),
    sa.column("quantity", sa.Integer),
    sa.column("unit_cost", database.Money),
    sa.column("cost", database.Worth),
    sa.column("average_cost", database.Worth),
    sa.column("fifo_cost", database.Worth),
)
PARTS = sa.table(
    "spare_parts",
    sa.column("id", sa.Integer),
    sa.column("average_value", database.Worth),
    sa.column("fifo_value", database.Worth),
)
LAYERS = sa.table(
    "stock_cost_layers",
    sa.column("id", LONG),
    sa.column("spare_part_id", sa.Integer),
    sa.column("transaction_id", LONG),
    sa.column("quantity", sa.Integer),
    sa.column("cost", database.Worth),
    sa.column("quantity_left", sa.Integer),
    sa.column("cost_left", database.Worth),
)
USES = sa.table(
    "stock_cost_layer_uses",
    sa.column("layer_id", LONG),
    sa.column("transaction_id", LONG),
    sa.column("quantity", sa.Integer),
    sa.column("cost", database.Worth),
)


AT_ONCE = 200  # parts whose movements are read together


def _usage_cost(kind: sa.types.TypeEngine[Any]) -> None:
    """Give what parts on a work order cost more or fewer digits; SQLite knows no difference."""
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("spare_parts_usage", "cost", type_=kind, existing_nullable=False)


def _fill() -> None:
    """Work out what is new of the rows that are there."""
    connection = op.get_bind()
    # What lies ready for a parts request was reserved when that was approved.
    connection.execute(
        sa.text(
            "UPDATE stock_reservations SET reserved_at = COALESCE(("
            "SELECT approved_at FROM spare_parts_requests"
            " JOIN spare_parts_request_lines ON parts_request_id = spare_parts_requests.id"
            " WHERE spare_parts_request_lines.id = line_id), CURRENT_TIMESTAMP)"
        )
    )
    _plan(connection)
    _value(connection)


def _plan(connection: sa.Connection) -> None:
    """The next job of a preventive task is that of its next due date."""
    tasks = sa.table(
        "preventive_maintenance_tasks",
        sa.column("id", sa.Integer),
        sa.column("lead_days", sa.Integer),
        sa.column("next_due_on", sa.Date),
        sa.column("next_job_on", sa.Date),
        sa.column("opens_on", sa.Date),
    )
    for row in connection.execute(sa.select(tasks).where(tasks.c.next_due_on.is_not(None))).all():
        connection.execute(
            tasks.update()
            .where(tasks.c.id == row.id)
            .values(next_job_on=row.next_due_on, opens_on=row.next_due_on - timedelta(days=row.lead_days))
        )


def _value(connection: sa.Connection) -> None:
    """What the movements of each part cost by either method, in their order, and what is left of them."""
    ids = connection.scalars(sa.select(PARTS.c.id).order_by(PARTS.c.id)).all()
    layers = 0
    for first in range(0, len(ids), AT_ONCE):
        layers = _value_parts(connection, ids[first : first + AT_ONCE], layers)


def _value_parts(connection: sa.Connection, ids: Sequence[int], last_layer: int) -> int:
    """The same for some parts; layers are numbered on from the last one, whose number is answered."""
    query = sa.select(MOVEMENTS).where(MOVEMENTS.c.spare_part_id.in_(ids))
    rows = connection.execute(query.order_by(MOVEMENTS.c.spare_part_id, MOVEMENTS.c.id)).all()
    layers: list[dict[str, Any]] = []
    uses: list[dict[str, Any]] = []
    for part_id, movements in groupby(rows, key=lambda row: row.spare_part_id):
        left: list[dict[str, Any]] = []
        pieces, average = 0, Decimal("0.00")
        for row in movements:
            change = _change(row)
            if change >= 0:
                by_average = by_fifo = change * row.unit_cost
                if change:
                    last_layer += 1
                    left.append(
                        {
                            "id": last_layer,
                            "spare_part_id": part_id,
                            "transaction_id": row.id,
                            "quantity": change,
                            "cost": by_fifo,
                            "quantity_left": change,
                            "cost_left": by_fifo,
                        }
                    )
            else:
                by_average = -_portion(average, -change, pieces)
                taken = _take(left, -change, row.id)
                by_fifo = -sum((use["cost"] for use in taken), Decimal(0))
                uses += taken
            pieces, average = pieces + change, average + by_average
            connection.execute(
                MOVEMENTS.update()
                .where(MOVEMENTS.c.id == row.id)
                .values(cost=by_average, average_cost=by_average, fifo_cost=by_fifo)
            )
        layers += left
        value = sum((each["cost_left"] for each in left), Decimal(0))
        connection.execute(
            PARTS.update().where(PARTS.c.id == part_id).values(average_value=average, fifo_value=value)
        )
    for table, made in ((LAYERS, layers), (USES, uses)):
        if made:
            connection.execute(table.insert(), made)
    return last_layer


def _change(row: Any) -> int:
    """By how many pieces a movement changed the part's quantity."""
    if row.transaction_type == "TRANSFER":
        return 0
    return -int(row.quantity) if row.transaction_type == "OUT" else int(row.quantity)


def _take(left: list[dict[str, Any]], quantity: int, movement_id: int) -> list[dict[str, Any]]:
    """Take pieces from the oldest layers."""
    taken = []
    for layer in left:
        pieces = min(quantity, layer["quantity_left"])
        if pieces:
            cost = _portion(layer["cost_left"], pieces, layer["quantity_left"])
            taken.append(
                {"layer_id": layer["id"], "transaction_id": movement_id, "quantity": pieces, "cost": cost}
            )
            layer["quantity_left"] -= pieces
            layer["cost_left"] -= cost
            quantity -= pieces
    return taken


def _portion(total: Decimal, pieces: int, of: int) -> Decimal:
    """What some of the pieces are worth, half up to the cent."""
    return (total * pieces / of).quantize(Decimal("0.01"), ROUND_HALF_UP) if of else Decimal("0.00")
