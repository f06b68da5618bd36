"""Columns that many tables of the domain share."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import UtcDateTime

# Ids of tables that grow without end. SQLite counts up by itself only in INTEGER columns.
LongId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Timestamps:
    """When a row was made, and when it last changed (also what an ETag is made of)."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=clock.now, sort_order=90)
    updated_at: Mapped[datetime] = mapped_column(
        UtcDateTime, default=clock.now, onupdate=clock.now, sort_order=91
    )
