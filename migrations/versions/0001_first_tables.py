"""The first tables of domain and engine."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from app import database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "departments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_departments")),
        sa.UniqueConstraint("name", name=op.f("uq_departments_name")),
    )
    op.create_table(
        "failure_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure_codes")),
        sa.UniqueConstraint("code", name=op.f("uq_failure_codes_code")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("unique_key", sa.String(length=200), nullable=True),
        sa.Column("payload", database.CompactJson(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("run_at", database.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("instance_id", sa.Integer(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("done_at", database.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("unique_key", name=op.f("uq_jobs_unique_key")),
    )
    op.create_index("ix_jobs_due", "jobs", ["state", "run_at", "id"], unique=False)
    op.create_table(
        "maintenance_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=50), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_types")),
        sa.UniqueConstraint("code", name=op.f("uq_maintenance_types_code")),
    )
    op.create_table(
        "number_ranges",
        sa.Column("prefix", sa.String(length=10), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("prefix", "year", name=op.f("pk_number_ranges")),
    )
    op.create_table(
        "process_deployments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("start_roles", sa.String(length=255), nullable=False),
        sa.Column("start_messages", sa.String(length=500), nullable=False),
        sa.Column("deployed_by", sa.Integer(), nullable=True),
        sa.Column("deployed_by_name", sa.String(length=255), nullable=False),
        sa.Column("deployed_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_deployments")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_process_deployments_key_version")),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("value", database.CompactJson(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )
    op.create_table(
        "stock_locations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_locations")),
        sa.UniqueConstraint("name", name=op.f("uq_stock_locations_name")),
    )
    op.create_table(
        "machines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("qr_code", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("model", sa.String(length=255), nullable=False),
        sa.Column("serial_number", sa.String(length=255), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=False),
        sa.Column("installation_date", sa.Date(), nullable=True),
        sa.Column("criticality", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["departments.id"], name=op.f("fk_machines_department_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machines")),
        sa.UniqueConstraint("qr_code", name=op.f("uq_machines_qr_code")),
    )
    op.create_index("ix_machines_department", "machines", ["department_id", "status"], unique=False)
    op.create_index("ix_machines_name", "machines", ["name"], unique=False)
    op.create_index("ix_machines_status", "machines", ["status"], unique=False)
    op.create_table(
        "process_deployment_files",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column(
            "content",
            sa.LargeBinary()
            .with_variant(mysql.MEDIUMBLOB(), "mariadb")
            .with_variant(mysql.MEDIUMBLOB(), "mysql"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["deployment_id"],
            ["process_deployments.id"],
            name=op.f("fk_process_deployment_files_deployment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_deployment_files")),
        sa.UniqueConstraint(
            "deployment_id", "name", name=op.f("uq_process_deployment_files_deployment_id_name")
        ),
    )
    op.create_table(
        "process_instances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=60), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("engine_state", database.CompactJson(), nullable=True),
        sa.Column("next_due_at", database.UtcDateTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("started_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.Column("end_reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["process_deployments.id"], name=op.f("fk_process_instances_deployment_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_instances")),
    )
    op.create_index("ix_process_instances_business_key", "process_instances", ["business_key"], unique=False)
    op.create_index("ix_process_instances_due", "process_instances", ["state", "next_due_at"], unique=False)
    op.create_index("ix_process_instances_key_state", "process_instances", ["key", "state"], unique=False)
    op.create_index(
        "ix_process_instances_subject", "process_instances", ["subject_type", "subject_id"], unique=False
    )
    op.create_table(
        "spare_parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("part_number", sa.String(length=255), nullable=False),
        sa.Column("part_name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("group_number", sa.String(length=100), nullable=False),
        sa.Column("group_name", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("min_quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", database.Money(precision=12, scale=2), nullable=False),
        sa.Column("location", sa.String(length=255), nullable=False),
        sa.Column("default_location_id", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_spare_parts_quantity")),
        sa.ForeignKeyConstraint(
            ["default_location_id"], ["stock_locations.id"], name=op.f("fk_spare_parts_default_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_parts")),
        sa.UniqueConstraint("part_number", name=op.f("uq_spare_parts_part_number")),
    )
    op.create_index(
        "ix_spare_parts_group_quantity", "spare_parts", ["group_number", "quantity"], unique=False
    )
    op.create_index("ix_spare_parts_min_quantity", "spare_parts", ["min_quantity"], unique=False)
    op.create_index("ix_spare_parts_name", "spare_parts", ["part_name"], unique=False)
    op.create_index("ix_spare_parts_quantity", "spare_parts", ["quantity"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("password", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=30), nullable=True),
        sa.Column("process_owner", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("language", sa.String(length=10), nullable=False),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["department_id"], ["departments.id"], name=op.f("fk_users_department_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_index("ix_users_department", "users", ["department_id"], unique=False)
    op.create_index("ix_users_name", "users", ["name"], unique=False)
    op.create_index("ix_users_role", "users", ["role", "active", "department_id"], unique=False)
    op.create_table(
        "activity_logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=False),
        sa.Column("entity_id", sa.Integer(), nullable=True),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("before", database.CompactJson(), nullable=True),
        sa.Column("after", database.CompactJson(), nullable=True),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_activity_logs_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_logs")),
    )
    op.create_index("ix_activity_logs_action", "activity_logs", ["action", "id"], unique=False)
    op.create_index("ix_activity_logs_at", "activity_logs", ["at"], unique=False)
    op.create_index(
        "ix_activity_logs_entity", "activity_logs", ["entity_type", "entity_id", "id"], unique=False
    )
    op.create_index("ix_activity_logs_user", "activity_logs", ["user_id", "id"], unique=False)
    op.create_table(
        "attachments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("storage_key", sa.String(length=64), nullable=False),
        sa.Column("entity_type", sa.String(length=40), nullable=True),
        sa.Column("entity_id", sa.Integer(), nullable=True),
        sa.Column("uploaded_by", sa.Integer(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["uploaded_by"], ["users.id"], name=op.f("fk_attachments_uploaded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachments")),
        sa.UniqueConstraint("storage_key", name=op.f("uq_attachments_storage_key")),
    )
    op.create_index("ix_attachments_entity", "attachments", ["entity_type", "entity_id"], unique=False)
    op.create_index("ix_attachments_uploader", "attachments", ["uploaded_by", "created_at"], unique=False)
    op.create_table(
        "history_entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=True),
        sa.Column("element_name", sa.String(length=255), nullable=False),
        sa.Column("element_type", sa.String(length=40), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_name", sa.String(length=255), nullable=False),
        sa.Column("acted_for", sa.String(length=255), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=False),
        sa.Column("detail", database.CompactJson(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_history_entries_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_entries")),
    )
    op.create_index(
        "ix_history_entries_element",
        "history_entries",
        ["process_key", "element_id", "kind", "at"],
        unique=False,
    )
    op.create_index("ix_history_entries_instance", "history_entries", ["instance_id", "id"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("engine_task", sa.String(length=32), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("element_name", sa.String(length=255), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("traceback", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("actor", database.CompactJson(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("resolved_at", database.UtcDateTime(), nullable=True),
        sa.Column("resolved_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_incidents_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_instance_id"), "incidents", ["instance_id"], unique=False)
    op.create_index("ix_incidents_open", "incidents", ["resolved_at", "created_at"], unique=False)
    op.create_table(
        "machine_spare_parts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("notes", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_machine_spare_parts_machine_id")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_machine_spare_parts_spare_part_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_spare_parts")),
        sa.UniqueConstraint(
            "machine_id", "spare_part_id", name=op.f("uq_machine_spare_parts_machine_id_spare_part_id")
        ),
    )
    op.create_index("ix_machine_spare_parts_part", "machine_spare_parts", ["spare_part_id"], unique=False)
    op.create_table(
        "maintenance_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("reporter_id", sa.Integer(), nullable=True),
        sa.Column("assigned_technician_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("problem_description", sa.Text(), nullable=False),
        sa.Column("failure_code_id", sa.Integer(), nullable=True),
        sa.Column("maintenance_type_id", sa.Integer(), nullable=True),
        sa.Column("reported_at", database.UtcDateTime(), nullable=False),
        sa.Column("accepted_at", database.UtcDateTime(), nullable=True),
        sa.Column("completed_at", database.UtcDateTime(), nullable=True),
        sa.Column("cancelled_at", database.UtcDateTime(), nullable=True),
        sa.Column("cancellation_reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assigned_technician_id"],
            ["users.id"],
            name=op.f("fk_maintenance_requests_assigned_technician_id"),
        ),
        sa.ForeignKeyConstraint(
            ["failure_code_id"], ["failure_codes.id"], name=op.f("fk_maintenance_requests_failure_code_id")
        ),
        sa.ForeignKeyConstraint(
            ["machine_id"], ["machines.id"], name=op.f("fk_maintenance_requests_machine_id")
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_type_id"],
            ["maintenance_types.id"],
            name=op.f("fk_maintenance_requests_maintenance_type_id"),
        ),
        sa.ForeignKeyConstraint(
            ["reporter_id"], ["users.id"], name=op.f("fk_maintenance_requests_reporter_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_requests")),
        sa.UniqueConstraint("business_key", name=op.f("uq_maintenance_requests_business_key")),
    )
    op.create_index(
        "ix_maintenance_requests_failure_code",
        "maintenance_requests",
        ["failure_code_id", "reported_at"],
        unique=False,
    )
    op.create_index(
        "ix_maintenance_requests_machine_date",
        "maintenance_requests",
        ["machine_id", "reported_at"],
        unique=False,
    )
    op.create_index(
        "ix_maintenance_requests_machine_status",
        "maintenance_requests",
        ["machine_id", "status"],
        unique=False,
    )
    op.create_index("ix_maintenance_requests_priority", "maintenance_requests", ["priority"], unique=False)
    op.create_index(
        "ix_maintenance_requests_reported_at", "maintenance_requests", ["reported_at"], unique=False
    )
    op.create_index(
        "ix_maintenance_requests_reporter",
        "maintenance_requests",
        ["reporter_id", "reported_at"],
        unique=False,
    )
    op.create_index(
        "ix_maintenance_requests_status", "maintenance_requests", ["status", "reported_at"], unique=False
    )
    op.create_index(
        "ix_maintenance_requests_technician",
        "maintenance_requests",
        ["assigned_technician_id", "status", "reported_at"],
        unique=False,
    )
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.String(length=255), nullable=False),
        sa.Column("read_at", database.UtcDateTime(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
    )
    op.create_index("ix_notifications_unread", "notifications", ["user_id", "read_at", "id"], unique=False)
    op.create_index("ix_notifications_user", "notifications", ["user_id", "id"], unique=False)
    op.create_table(
        "part_stock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_part_stock_quantity")),
        sa.CheckConstraint("reserved >= 0 AND reserved <= quantity", name=op.f("ck_part_stock_reserved")),
        sa.ForeignKeyConstraint(
            ["location_id"], ["stock_locations.id"], name=op.f("fk_part_stock_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_part_stock_spare_part_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_part_stock")),
        sa.UniqueConstraint(
            "spare_part_id", "location_id", name=op.f("uq_part_stock_spare_part_id_location_id")
        ),
    )
    op.create_index("ix_part_stock_location", "part_stock", ["location_id"], unique=False)
    op.create_table(
        "spare_parts_inventory_transactions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("transaction_type", sa.String(length=20), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Integer(), nullable=False),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("to_location_id", sa.Integer(), nullable=True),
        sa.Column("reference_type", sa.String(length=20), nullable=True),
        sa.Column("reference_id", sa.Integer(), nullable=True),
        sa.Column("performed_by", sa.Integer(), nullable=True),
        sa.Column("transaction_date", database.UtcDateTime(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("unit_cost", database.Money(precision=12, scale=2), nullable=False),
        sa.ForeignKeyConstraint(
            ["location_id"],
            ["stock_locations.id"],
            name=op.f("fk_spare_parts_inventory_transactions_location_id"),
        ),
        sa.ForeignKeyConstraint(
            ["performed_by"], ["users.id"], name=op.f("fk_spare_parts_inventory_transactions_performed_by")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"],
            ["spare_parts.id"],
            name=op.f("fk_spare_parts_inventory_transactions_spare_part_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_location_id"],
            ["stock_locations.id"],
            name=op.f("fk_spare_parts_inventory_transactions_to_location_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_parts_inventory_transactions")),
    )
    op.create_index(
        "ix_transactions_date", "spare_parts_inventory_transactions", ["transaction_date"], unique=False
    )
    op.create_index(
        "ix_transactions_part_date",
        "spare_parts_inventory_transactions",
        ["spare_part_id", "transaction_date"],
        unique=False,
    )
    op.create_index(
        "ix_transactions_reference",
        "spare_parts_inventory_transactions",
        ["reference_type", "reference_id"],
        unique=False,
    )
    op.create_index(
        "ix_transactions_type_date",
        "spare_parts_inventory_transactions",
        ["transaction_type", "transaction_date"],
        unique=False,
    )
    op.create_table(
        "substitutions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("substitute_id", sa.Integer(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["substitute_id"], ["users.id"], name=op.f("fk_substitutions_substitute_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_substitutions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitutions")),
    )
    op.create_index(
        "ix_substitutions_substitute",
        "substitutions",
        ["substitute_id", "ends_on", "starts_on"],
        unique=False,
    )
    op.create_index("ix_substitutions_user", "substitutions", ["user_id", "ends_on"], unique=False)
    op.create_table(
        "user_tasks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("engine_task", sa.String(length=32), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("form_id", sa.String(length=100), nullable=True),
        sa.Column("candidate_role", sa.String(length=40), nullable=True),
        sa.Column("candidate_department_id", sa.Integer(), nullable=True),
        sa.Column("escalation_role", sa.String(length=40), nullable=True),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("assignee_name", sa.String(length=255), nullable=False),
        sa.Column("priority", sa.String(length=10), nullable=False),
        sa.Column("due_at", database.UtcDateTime(), nullable=True),
        sa.Column("urgency", database.UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("outcome", sa.String(length=60), nullable=True),
        sa.Column("submission", database.CompactJson(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("completed_at", database.UtcDateTime(), nullable=True),
        sa.Column("completed_by", sa.Integer(), nullable=True),
        sa.Column("completed_by_name", sa.String(length=255), nullable=False),
        sa.Column("completed_for", sa.Integer(), nullable=True),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("subject_type", sa.String(length=60), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=True),
        sa.Column("department_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_user_tasks_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_tasks")),
        sa.UniqueConstraint("engine_task", name=op.f("uq_user_tasks_engine_task")),
    )
    op.create_index(
        "ix_user_tasks_assignee", "user_tasks", ["state", "assignee_id", "urgency", "id"], unique=False
    )
    op.create_index(
        "ix_user_tasks_group",
        "user_tasks",
        ["state", "candidate_role", "assignee_id", "urgency", "id"],
        unique=False,
    )
    op.create_index("ix_user_tasks_instance", "user_tasks", ["instance_id", "state"], unique=False)
    op.create_index(
        "ix_user_tasks_subject", "user_tasks", ["subject_type", "subject_id", "state"], unique=False
    )
    op.create_index("ix_user_tasks_urgency", "user_tasks", ["state", "urgency", "id"], unique=False)
    op.create_table(
        "machine_downtime",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("machine_id", sa.Integer(), nullable=False),
        sa.Column("maintenance_request_id", sa.Integer(), nullable=False),
        sa.Column("machine_status", sa.String(length=20), nullable=False),
        sa.Column("started_at", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["machine_id"], ["machines.id"], name=op.f("fk_machine_downtime_machine_id")),
        sa.ForeignKeyConstraint(
            ["maintenance_request_id"],
            ["maintenance_requests.id"],
            name=op.f("fk_machine_downtime_maintenance_request_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_downtime")),
    )
    op.create_index(
        "ix_machine_downtime_machine", "machine_downtime", ["machine_id", "started_at"], unique=False
    )
    op.create_index("ix_machine_downtime_open", "machine_downtime", ["machine_id", "ended_at"], unique=False)
    op.create_index(
        "ix_machine_downtime_request",
        "machine_downtime",
        ["maintenance_request_id", "ended_at"],
        unique=False,
    )
    op.create_index("ix_machine_downtime_started_at", "machine_downtime", ["started_at"], unique=False)
    op.create_table(
        "maintenance_work",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("maintenance_request_id", sa.Integer(), nullable=False),
        sa.Column("technician_id", sa.Integer(), nullable=True),
        sa.Column("maintenance_type_id", sa.Integer(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("started_at", database.UtcDateTime(), nullable=False),
        sa.Column("completed_at", database.UtcDateTime(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["maintenance_request_id"],
            ["maintenance_requests.id"],
            name=op.f("fk_maintenance_work_maintenance_request_id"),
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_type_id"],
            ["maintenance_types.id"],
            name=op.f("fk_maintenance_work_maintenance_type_id"),
        ),
        sa.ForeignKeyConstraint(
            ["technician_id"], ["users.id"], name=op.f("fk_maintenance_work_technician_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_work")),
        sa.UniqueConstraint(
            "maintenance_request_id", name=op.f("uq_maintenance_work_maintenance_request_id")
        ),
    )
    op.create_index("ix_maintenance_work_started_at", "maintenance_work", ["started_at"], unique=False)
    op.create_index(
        "ix_maintenance_work_technician", "maintenance_work", ["technician_id", "completed_at"], unique=False
    )
    op.create_index(
        "ix_maintenance_work_type", "maintenance_work", ["maintenance_type_id", "completed_at"], unique=False
    )
    op.create_table(
        "spare_parts_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.String(length=40), nullable=False),
        sa.Column("maintenance_request_id", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("approved_by", sa.Integer(), nullable=True),
        sa.Column("approved_at", database.UtcDateTime(), nullable=True),
        sa.Column("closed_at", database.UtcDateTime(), nullable=True),
        sa.Column("closing_reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.Column("updated_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approved_by"], ["users.id"], name=op.f("fk_spare_parts_requests_approved_by")
        ),
        sa.ForeignKeyConstraint(
            ["maintenance_request_id"],
            ["maintenance_requests.id"],
            name=op.f("fk_spare_parts_requests_maintenance_request_id"),
        ),
        sa.ForeignKeyConstraint(
            ["requester_id"], ["users.id"], name=op.f("fk_spare_parts_requests_requester_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_parts_requests")),
        sa.UniqueConstraint("business_key", name=op.f("uq_spare_parts_requests_business_key")),
    )
    op.create_index(
        "ix_spare_parts_requests_request",
        "spare_parts_requests",
        ["maintenance_request_id", "status"],
        unique=False,
    )
    op.create_index(
        "ix_spare_parts_requests_requester",
        "spare_parts_requests",
        ["requester_id", "created_at"],
        unique=False,
    )
    op.create_index(
        "ix_spare_parts_requests_status", "spare_parts_requests", ["status", "created_at"], unique=False
    )
    op.create_table(
        "task_comments",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("author_name", sa.String(length=255), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_task_comments_instance_id")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["user_tasks.id"], name=op.f("fk_task_comments_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_comments")),
    )
    op.create_index(op.f("ix_task_comments_instance_id"), "task_comments", ["instance_id"], unique=False)
    op.create_table(
        "maintenance_work_steps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("performed_by", sa.Integer(), nullable=True),
        sa.Column("recorded_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["performed_by"], ["users.id"], name=op.f("fk_maintenance_work_steps_performed_by")
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["maintenance_work.id"], name=op.f("fk_maintenance_work_steps_work_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_maintenance_work_steps")),
        sa.UniqueConstraint("work_id", "position", name=op.f("uq_maintenance_work_steps_work_id_position")),
    )
    op.create_table(
        "spare_parts_request_lines",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("parts_request_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("quantity_requested", sa.Integer(), nullable=False),
        sa.Column("quantity_approved", sa.Integer(), nullable=True),
        sa.Column("quantity_issued", sa.Integer(), nullable=False),
        sa.Column("unit_price", database.Money(precision=12, scale=2), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["parts_request_id"],
            ["spare_parts_requests.id"],
            name=op.f("fk_spare_parts_request_lines_parts_request_id"),
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_spare_parts_request_lines_spare_part_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_parts_request_lines")),
        sa.UniqueConstraint(
            "parts_request_id",
            "position",
            name=op.f("uq_spare_parts_request_lines_parts_request_id_position"),
        ),
    )
    op.create_index(
        "ix_spare_parts_request_lines_part", "spare_parts_request_lines", ["spare_part_id"], unique=False
    )
    op.create_table(
        "spare_parts_usage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work_id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("transaction_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("spare_part_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_cost", database.Money(precision=12, scale=2), nullable=False),
        sa.Column("cost", database.Money(precision=12, scale=2), nullable=False),
        sa.Column("used_at", database.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["line_id"], ["spare_parts_request_lines.id"], name=op.f("fk_spare_parts_usage_line_id")
        ),
        sa.ForeignKeyConstraint(
            ["spare_part_id"], ["spare_parts.id"], name=op.f("fk_spare_parts_usage_spare_part_id")
        ),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["spare_parts_inventory_transactions.id"],
            name=op.f("fk_spare_parts_usage_transaction_id"),
        ),
        sa.ForeignKeyConstraint(
            ["work_id"], ["maintenance_work.id"], name=op.f("fk_spare_parts_usage_work_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spare_parts_usage")),
        sa.UniqueConstraint("transaction_id", name=op.f("uq_spare_parts_usage_transaction_id")),
    )
    op.create_index(
        "ix_spare_parts_usage_part", "spare_parts_usage", ["spare_part_id", "used_at"], unique=False
    )
    op.create_index("ix_spare_parts_usage_used_at", "spare_parts_usage", ["used_at"], unique=False)
    op.create_index("ix_spare_parts_usage_work", "spare_parts_usage", ["work_id"], unique=False)
    op.create_table(
        "stock_reservations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("line_id", sa.Integer(), nullable=False),
        sa.Column("stock_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_stock_reservations_quantity")),
        sa.ForeignKeyConstraint(
            ["line_id"], ["spare_parts_request_lines.id"], name=op.f("fk_stock_reservations_line_id")
        ),
        sa.ForeignKeyConstraint(["stock_id"], ["part_stock.id"], name=op.f("fk_stock_reservations_stock_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_reservations")),
        sa.UniqueConstraint("line_id", "stock_id", name=op.f("uq_stock_reservations_line_id_stock_id")),
    )
    op.create_index("ix_stock_reservations_stock", "stock_reservations", ["stock_id"], unique=False)


def downgrade() -> None:
    op.drop_table("stock_reservations")
    op.drop_table("spare_parts_usage")
    op.drop_table("spare_parts_request_lines")
    op.drop_table("maintenance_work_steps")
    op.drop_table("task_comments")
    op.drop_table("spare_parts_requests")
    op.drop_table("maintenance_work")
    op.drop_table("machine_downtime")
    op.drop_table("user_tasks")
    op.drop_table("substitutions")
    op.drop_table("spare_parts_inventory_transactions")
    op.drop_table("part_stock")
    op.drop_table("notifications")
    op.drop_table("maintenance_requests")
    op.drop_table("machine_spare_parts")
    op.drop_table("incidents")
    op.drop_table("history_entries")
    op.drop_table("attachments")
    op.drop_table("activity_logs")
    op.drop_table("users")
    op.drop_table("spare_parts")
    op.drop_table("process_instances")
    op.drop_table("process_deployment_files")
    op.drop_table("machines")
    op.drop_table("stock_locations")
    op.drop_table("settings")
    op.drop_table("process_deployments")
    op.drop_table("number_ranges")
    op.drop_table("maintenance_types")
    op.drop_table("jobs")
    op.drop_table("failure_codes")
    op.drop_table("departments")
