"""What the monitor reads: awaited events, what is stuck, figures, variants; saved views, batches, alerts."""

import sqlalchemy as sa
from alembic import op

from app import database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("measure", sa.String(length=20), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("recipients", database.CompactJson(), nullable=False),
        sa.Column("webhook_url", sa.String(length=500), nullable=False),
        sa.Column("webhook_secret", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("calm_since", database.UtcDateTime(), nullable=True),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "monitor_marks",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", database.UtcDateTime(), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_monitor_marks")),
    )
    op.create_table(
        "operation_batches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("operation", sa.String(length=40), nullable=False),
        sa.Column("chosen_values", database.CompactJson(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("wanted_by", database.CompactJson(), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation_batches")),
        sa.UniqueConstraint("name", name=op.f("uq_operation_batches_name")),
    )
    op.create_index("ix_operation_batches_user", "operation_batches", ["user_id", "id"])
    op.create_table(
        "process_variants",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("steps", database.CompactJson(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_variants")),
        sa.UniqueConstraint("process_key", "digest", name=op.f("uq_process_variants_process_key_digest")),
    )
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("query", sa.String(length=1000), nullable=False),
        sa.Column("created_at", database.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("user_id", "name", name=op.f("uq_saved_views_user_id_name")),
    )
    op.create_table(
        "alert_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=False),
        sa.Column("raised_at", database.UtcDateTime(), nullable=False),
        sa.Column("cleared_at", database.UtcDateTime(), nullable=True),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("told", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["rule_id"], ["alert_rules.id"], name=op.f("fk_alert_events_rule_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_events")),
    )
    op.create_index("ix_alert_events_raised", "alert_events", ["raised_at", "id"])
    op.create_index("ix_alert_events_rule", "alert_events", ["rule_id", "cleared_at"])
    op.create_table(
        "step_statistics",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("with_due", sa.Integer(), nullable=False),
        sa.Column("on_time", sa.Integer(), nullable=False),
        sa.Column("repeated", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["process_deployments.id"], name=op.f("fk_step_statistics_deployment_id")
        ),
        sa.PrimaryKeyConstraint(
            "day", "deployment_id", "element_id", "bucket", name=op.f("pk_step_statistics")
        ),
    )
    op.create_table(
        "event_waits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("engine_task", sa.String(length=32), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("element_name", sa.String(length=255), nullable=False),
        sa.Column("event", sa.String(length=20), nullable=False),
        sa.Column("message", sa.String(length=255), nullable=False),
        sa.Column("due_at", database.UtcDateTime(), nullable=True),
        sa.Column("since", database.UtcDateTime(), nullable=False),
        sa.Column("ended_at", database.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_event_waits_instance_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_waits")),
        sa.UniqueConstraint("engine_task", name=op.f("uq_event_waits_engine_task")),
    )
    op.create_index("ix_event_waits_ended", "event_waits", ["ended_at", "process_key", "element_id"])
    op.create_index("ix_event_waits_instance", "event_waits", ["instance_id", "ended_at"])
    op.create_table(
        "instance_variants",
        sa.Column("instance_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("variant_id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("deployment_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("bucket", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["deployment_id"], ["process_deployments.id"], name=op.f("fk_instance_variants_deployment_id")
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_instance_variants_instance_id")
        ),
        sa.ForeignKeyConstraint(
            ["variant_id"], ["process_variants.id"], name=op.f("fk_instance_variants_variant_id")
        ),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("pk_instance_variants")),
    )
    op.create_index(
        "ix_instance_variants_process",
        "instance_variants",
        ["process_key", "day", "deployment_id", "variant_id", "bucket"],
    )
    op.create_index("ix_instance_variants_variant", "instance_variants", ["variant_id", "instance_id"])
    op.create_table(
        "obstacles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("instance_id", sa.Integer(), nullable=False),
        sa.Column("process_key", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("element_id", sa.String(length=100), nullable=False),
        sa.Column("element_name", sa.String(length=255), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=True),
        sa.Column("since", database.UtcDateTime(), nullable=False),
        sa.Column("found_at", database.UtcDateTime(), nullable=False),
        sa.Column("detail", database.CompactJson(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["process_instances.id"], name=op.f("fk_obstacles_instance_id")
        ),
        sa.ForeignKeyConstraint(["task_id"], ["user_tasks.id"], name=op.f("fk_obstacles_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obstacles")),
    )
    op.create_index("ix_obstacles_instance", "obstacles", ["instance_id"])
    op.create_index("ix_obstacles_process", "obstacles", ["process_key", "reason"])
    op.create_index("ix_obstacles_urgency", "obstacles", ["rank", "since", "id"])
    op.add_column("jobs", sa.Column("batch", sa.String(length=32), nullable=True))
    op.create_index("ix_jobs_batch", "jobs", ["batch", "kind", "state"])
    op.create_index("ix_process_instances_ended", "process_instances", ["ended_at", "started_at", "id"])
    op.create_index("ix_user_tasks_completed", "user_tasks", ["completed_at"])
    op.create_index(
        "ix_user_tasks_process", "user_tasks", ["process_key", "state", "element_id", "created_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_user_tasks_process", table_name="user_tasks")
    op.drop_index("ix_user_tasks_completed", table_name="user_tasks")
    op.drop_index("ix_process_instances_ended", table_name="process_instances")
    op.drop_index("ix_jobs_batch", table_name="jobs")
    op.drop_column("jobs", "batch")
    op.drop_table("obstacles")
    op.drop_table("instance_variants")
    op.drop_table("event_waits")
    op.drop_table("step_statistics")
    op.drop_table("alert_events")
    op.drop_table("saved_views")
    op.drop_table("process_variants")
    op.drop_table("operation_batches")
    op.drop_table("monitor_marks")
    op.drop_table("alert_rules")
