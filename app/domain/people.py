"""Users, departments, and who stands in for whom."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base
from app.domain.columns import Timestamps


class Role(StrEnum):
    """What a user is in the factory. A user has one role, or none yet."""

    ADMIN = "ADMIN"
    SUPERVISOR = "SUPERVISOR"
    MAINTENANCE_TECH = "MAINTENANCE_TECH"
    MAINTENANCE_MANAGER = "MAINTENANCE_MANAGER"
    INVENTORY_MANAGER = "INVENTORY_MANAGER"


class Department(Timestamps, Base):
    """A part of the factory: machines stand in it and people belong to it."""

    __tablename__ = "departments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(255), unique=True)
    active: Mapped[bool] = mapped_column(default=True)


class User(Timestamps, Base):
    """Somebody who signs in."""

    __tablename__ = "users"
    __table_args__ = (
        sa.Index("ix_users_role", "role", "active", "department_id"),
        sa.Index("ix_users_department", "department_id"),
        sa.Index("ix_users_name", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(sa.String(255), unique=True)
    password_hash: Mapped[str] = mapped_column("password", sa.String(255))
    name: Mapped[str] = mapped_column(sa.String(255))
    role: Mapped[str | None] = mapped_column(sa.String(30))
    process_owner: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(sa.String(10), default="en")
    department_id: Mapped[int | None] = mapped_column(sa.ForeignKey("departments.id"))

    department: Mapped[Department | None] = relationship()


class Substitution(Timestamps, Base):
    """One absence of a user, and who does that user's tasks meanwhile. Both days are included."""

    __tablename__ = "substitutions"
    __table_args__ = (
        sa.Index("ix_substitutions_substitute", "substitute_id", "ends_on", "starts_on"),
        sa.Index("ix_substitutions_user", "user_id", "ends_on"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    substitute_id: Mapped[int] = mapped_column(sa.ForeignKey("users.id"))
    starts_on: Mapped[date]
    ends_on: Mapped[date]

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    substitute: Mapped[User] = relationship(foreign_keys=[substitute_id])
