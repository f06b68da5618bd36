"""The activity log is searched by where entries came from; versions that shipped with the program are known.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

beyond_adding = {
    "UPDATE process_deployments SET shipped": "the column is new, and the version before does not know it",
}


def upgrade() -> None:
    op.create_index("ix_activity_logs_source", "activity_logs", ["source", "id"])
    for column in (
        sa.Column("shipped", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("declined_digest", sa.String(length=64), server_default="", nullable=False),
    ):
        op.add_column("process_deployments", column)
    # What the setup has deployed until now has that note, and nobody's name.
    deployments = sa.table(
        "process_deployments", sa.column("shipped"), sa.column("note"), sa.column("deployed_by")
    )
    op.execute(
        deployments.update()
        .where(deployments.c.note == "Shipped with Millwright", deployments.c.deployed_by.is_(None))
        .values(shipped=sa.true())
    )


def downgrade() -> None:
    with op.batch_alter_table("process_deployments") as table:
        table.drop_column("declined_digest")
        table.drop_column("shipped")
    op.drop_index("ix_activity_logs_source", "activity_logs")
