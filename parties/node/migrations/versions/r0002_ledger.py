"""The ledger: which questions were answered, and which were refused for earlier ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "ledger",
        sa.Column("plan_hash", sa.LargeBinary(32), primary_key=True),
        sa.Column("session", sa.LargeBinary(32), nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False, index=True),
        sa.Column("study", sa.String(64), nullable=False),
        sa.Column("analyst", sa.String(32), nullable=False),
        sa.Column("plan", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("minimum_count", sa.Integer, nullable=False),
        sa.Column("asked", sa.Float, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cohorts", sa.Integer, nullable=False),
        sa.Column("opened", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    """Drop it with all that is in it; no command does this."""
    op.drop_table("ledger")
