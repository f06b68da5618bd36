"""The activity log is searched by where entries came from.

Revision ID: 0006
Revises: 0004
"""

from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_activity_logs_source", "activity_logs", ["source", "id"])


def downgrade() -> None:
    op.drop_index("ix_activity_logs_source", "activity_logs")
