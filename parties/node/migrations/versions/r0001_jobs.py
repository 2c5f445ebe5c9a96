"""Jobs and sealed results."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "jobs",
        sa.Column("plan_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("nonce", sa.String(32), nullable=False, unique=True),
        sa.Column("analyst", sa.String(32), nullable=False, index=True),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("created", sa.Float, nullable=False, index=True),
        sa.Column("updated", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("session", sa.LargeBinary(32), nullable=False),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("cost", sa.Text, nullable=False),
        sa.Column("transcripts", sa.Text, nullable=False),
    )
    op.create_table(
        "results",
        sa.Column("plan_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop them with all that is in them; no command does this."""
    op.drop_table("results")
    op.drop_table("jobs")
