"""Sessions, kept answers, preventive maintenance, drafts, records of any process; indexes for lists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from app import database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("caller", sa.String(length=40), nullable=False),
        sa.Column("key_digest", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column(
            "body",
            sa.LargeBinary()
            .with_variant(mysql.MEDIUMBLOB(), "mariadb")
            .with_variant(mysql.MEDIUMBLOB(), "mysql"),
            nullable=True,
        ),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_answers")),
        sa.UniqueConstraint("caller", "key_digest", name=op.f("uq_kept_answers_caller_key_digest")),
    )
    op.create_index("ix_kept_answers_created_at", "kept_answers", ["created_at"])
    op.create_table(
        "key_prefixes",
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("prefix", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("process_key", name=op.f("pk_key_prefixes")),
        sa.UniqueConstraint("prefix", name=op.f("uq_key_prefixes_prefix")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("address_digest", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("locked_until", database.UtcDateTime(), nullable=True),
        sa.Column("forgotten_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_digest", name=op.f("pk_sign_in_failures")),
    )
    op.create_index("ix_sign_in_failures_forgotten_at", "sign_in_failures", ["forgotten_at"])
    op.create_table(
        "process_drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("base_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("files", database.CompactJson(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["base_id"], ["process_deployments.id"], name=op.f("fk_process_drafts_base_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_drafts")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_process_drafts_user_id_key")),
    )
    op.create_index("ix_process_drafts_key", "process_drafts", ["key"])
    op.create_table(
        "meter_readings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("value", database.Hours(precision=12, scale=2), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("read_at", database.UtcDateTime(), nullable=False),
        sa.Column("recorded_by", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["machine_id"], ["machines.id"], name=op.f("fk_meter_readings_machine_id")),
        sa.ForeignKeyConstraint(["recorded_by"], ["users.id"], name=op.f("fk_meter_readings_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_meter_readings")),
    )
    op.create_index("ix_meter_readings_machine", "meter_readings", ["machine_id", "read_at", "id"])
    op.create_table(
        "password_resets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_password_resets_created_by")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_password_resets_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_resets")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_password_resets_token_digest")),
        sa.UniqueConstraint("user_id", name=op.f("uq_password_resets_user_id")),
    )
    op.create_table(
        "preventive_maintenance_tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("rrule", sa.String(length=200), nullable=True),
        sa.Column("meter_interval", sa.Integer(), nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("lead_days", sa.Integer(), nullable=False),
        sa.Column("estimated_minutes", sa.Integer(), nullable=True),
        sa.Column("checklist", database.CompactJson(), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=False),
        sa.Column("technician_id", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("next_due_on", sa.Date(), nullable=True),
        sa.Column("last_done_on", sa.Date(), nullable=True),
        sa.Column("last_meter_reading", database.Hours(precision=12, scale=2), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_preventive_maintenance_tasks_machine_id")
        ),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["users.id"], name=op.f("fk_preventive_maintenance_tasks_technician_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preventive_maintenance_tasks")),
    )
    op.create_index("ix_preventive_tasks_due", "preventive_maintenance_tasks", ["active", "next_due_on"])
    op.create_index(
        "ix_preventive_tasks_machine", "preventive_maintenance_tasks", ["machine_id", "active", "next_due_on"]
    )
    op.create_index(
        "ix_preventive_tasks_technician",
        "preventive_maintenance_tasks",
        ["technician_id", "active", "next_due_on"],
    )
    op.create_index("ix_preventive_tasks_title", "preventive_maintenance_tasks", ["title"])
    op.create_table(
        "process_records",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("fields", database.CompactJson(), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("machine_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("closed_at", database.UtcDateTime(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["created_by"], ["users.id"], name=op.f("fk_process_records_created_by")),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("fk_process_records_department_id")
        ),
        sa.ForeignKeyConstraint(["machine_id"], ["machines.id"], name=op.f("fk_process_records_machine_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_records")),
        sa.UniqueConstraint("business_key", name=op.f("uq_process_records_business_key")),
    )
    op.create_index("ix_process_records_created_at", "process_records", ["created_at"])
    op.create_index("ix_process_records_creator", "process_records", ["created_by", "created_at"])
    op.create_index("ix_process_records_department", "process_records", ["department_id", "created_at"])
    op.create_index("ix_process_records_machine", "process_records", ["machine_id", "created_at"])
    op.create_index("ix_process_records_process", "process_records", ["process_key", "created_at"])
    op.create_index("ix_process_records_status", "process_records", ["process_key", "status"])
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("token_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", database.UtcDateTime(), nullable=False),
        sa.Column("expires_at", database.UtcDateTime(), nullable=False),
        sa.Column("revoked_at", database.UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=20), nullable=True),
        sa.Column("ip", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_id", name=op.f("uq_user_sessions_token_id")),
    )
    op.create_index("ix_user_sessions_expires_at", "user_sessions", ["expires_at"])
    op.create_index("ix_user_sessions_live", "user_sessions", ["user_id", "revoked_at", "expires_at"])
    op.create_table(
        "preventive_maintenance_logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("performed_at", database.UtcDateTime(), nullable=False),
        sa.Column("performed_by", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("minutes_spent", sa.Integer(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("answers", database.CompactJson(), nullable=False),
        sa.Column("meter_reading", database.Hours(precision=12, scale=2), nullable=True),
        sa.Column("recorded_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["performed_by"], ["users.id"], name=op.f("fk_preventive_maintenance_logs_performed_by")
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["preventive_maintenance_tasks.id"],
            name=op.f("fk_preventive_maintenance_logs_task_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preventive_maintenance_logs")),
        sa.UniqueConstraint("task_id", "due_on", name=op.f("uq_preventive_maintenance_logs_task_id_due_on")),
    )
    op.create_index("ix_preventive_logs_performed_at", "preventive_maintenance_logs", ["performed_at"])
    op.create_index(
        "ix_preventive_logs_performer", "preventive_maintenance_logs", ["performed_by", "performed_at"]
    )
    op.create_table(
        "preventive_maintenance_task_parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["spare_part_id"],
            ["spare_parts.id"],
            name=op.f("fk_preventive_maintenance_task_parts_spare_part_id"),
        ),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["preventive_maintenance_tasks.id"],
            name=op.f("fk_preventive_maintenance_task_parts_task_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preventive_maintenance_task_parts")),
        sa.UniqueConstraint(
            "task_id",
            "spare_part_id",
            name=op.f("uq_preventive_maintenance_task_parts_task_id_spare_part_id"),
        ),
    )
    op.create_index("ix_preventive_task_parts_part", "preventive_maintenance_task_parts", ["spare_part_id"])
    op.create_index("ix_activity_logs_entity_type", "activity_logs", ["entity_type", "id"])
    op.create_index("ix_jobs_instance", "jobs", ["instance_id", "id"])
    op.create_index(
        "ix_maintenance_requests_type", "maintenance_requests", ["maintenance_type_id", "reported_at"]
    )
    op.create_index(
        "ix_maintenance_work_technician_started", "maintenance_work", ["technician_id", "started_at"]
    )
    op.create_index("ix_process_instances_deployment", "process_instances", ["deployment_id", "state"])
    op.create_index("ix_process_instances_started", "process_instances", ["started_at", "id"])
    op.create_index("ix_process_instances_starter", "process_instances", ["started_by", "started_at"])
    op.create_index("ix_spare_parts_unit_price", "spare_parts", ["unit_price"])
    op.create_index(
        "ix_transactions_location", "spare_parts_inventory_transactions", ["location_id", "transaction_date"]
    )
    op.create_index(
        "ix_transactions_performer",
        "spare_parts_inventory_transactions",
        ["performed_by", "transaction_date"],
    )
    op.create_index(
        "ix_transactions_to_location",
        "spare_parts_inventory_transactions",
        ["to_location_id", "transaction_date"],
    )
    op.create_index("ix_spare_parts_requests_created_at", "spare_parts_requests", ["created_at"])
    op.add_column(
        "user_tasks", sa.Column("is_personal", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_index("ix_user_tasks_department", "user_tasks", ["department_id"])
    op.create_index("ix_user_tasks_element", "user_tasks", ["element_id", "state"])
    op.create_index("ix_user_tasks_machine", "user_tasks", ["machine_id"])


def downgrade() -> None:
    _drop_index("ix_user_tasks_machine", "user_tasks")
    _drop_index("ix_user_tasks_element", "user_tasks")
    _drop_index("ix_user_tasks_department", "user_tasks")
    _drop_index("ix_spare_parts_requests_created_at", "spare_parts_requests")
    _drop_index(
        "ix_transactions_to_location", "spare_parts_inventory_transactions", replaced_for="to_location_id"
    )
    _drop_index(
        "ix_transactions_performer", "spare_parts_inventory_transactions", replaced_for="performed_by"
    )
    _drop_index("ix_transactions_location", "spare_parts_inventory_transactions", replaced_for="location_id")
    _drop_index("ix_spare_parts_unit_price", "spare_parts")
    _drop_index("ix_process_instances_starter", "process_instances")
    _drop_index("ix_process_instances_started", "process_instances")
    _drop_index("ix_process_instances_deployment", "process_instances", replaced_for="deployment_id")
    _drop_index("ix_maintenance_work_technician_started", "maintenance_work")
    _drop_index("ix_maintenance_requests_type", "maintenance_requests", replaced_for="maintenance_type_id")
    _drop_index("ix_jobs_instance", "jobs")
    _drop_index("ix_activity_logs_entity_type", "activity_logs")
    with op.batch_alter_table("user_tasks") as batch:
        batch.drop_column("is_personal")
    op.drop_table("preventive_maintenance_task_parts")
    op.drop_table("preventive_maintenance_logs")
    op.drop_table("user_sessions")
    op.drop_table("process_records")
    op.drop_table("preventive_maintenance_tasks")
    op.drop_table("password_resets")
    op.drop_table("meter_readings")
    op.drop_table("process_drafts")
    op.drop_table("sign_in_failures")
    op.drop_table("key_prefixes")
    op.drop_table("kept_answers")


def _drop_index(name: str, table: str, *, replaced_for: str | None = None) -> None:
    """Drop an index. Where MySQL uses it for a reference, it gets back the one it had made for that."""
    if replaced_for is not None and op.get_bind().dialect.name in ("mysql", "mariadb"):
        op.create_index(f"fk_{table}_{replaced_for}", table, [replaced_for])
    op.drop_index(name, table_name=table)
