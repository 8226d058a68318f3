"""What a statement about the account asks for: roles, users, grants, warehouses and the like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Name = tuple[str, ...]


@dataclass(frozen=True)
class Create:
    kind: str
    name: Name
    properties: dict[str, Any] = field(default_factory=dict)
    replaces: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class Alter:
    kind: str
    name: Name
    if_exists: bool = False
    sets: dict[str, Any] = field(default_factory=dict)
    unsets: tuple[str, ...] = ()
    renamed_to: Name | None = None
    operation: str | None = None
    """SUSPEND or RESUME a warehouse, or nothing."""


@dataclass(frozen=True)
class Drop:
    kind: str
    name: Name
    if_exists: bool = False


@dataclass(frozen=True)
class GrantRole:
    role: str
    member: tuple[str, str]
    is_revoked: bool = False


@dataclass(frozen=True)
class On:
    """What is granted on: an object, or all or future ones of a kind in a database or schema."""

    kind: str
    name: Name
    which: str = "ONE"
    within: str = ""


@dataclass(frozen=True)
class Grant:
    privileges: tuple[str, ...]
    on: On
    role: str
    with_option: bool = False
    is_revoked: bool = False
    current_grants: str | None = None
    """COPY or REVOKE, of a change of the owner."""


@dataclass(frozen=True)
class Use:
    kind: str
    name: str


@dataclass(frozen=True)
class Manage:
    """CREATE or ALTER SCHEMA with managed access: `rest` is what else the statement does."""

    name: Name
    is_managed: bool
    rest: str | None = None


@dataclass(frozen=True)
class Mask:
    table: Name
    column: str
    policy: Name | None
    using: tuple[str, ...] = ()
    force: bool = False
    if_exists: bool = False


@dataclass(frozen=True)
class Show:
    what: str
    like: str | None = None
    relation: str | None = None
    """TO, OF, ON or IN."""
    kind: str | None = None
    name: Name = ()
    is_terse: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Describe:
    kind: str
    name: Name


Order = Create | Alter | Drop | GrantRole | Grant | Use | Manage | Mask | Show | Describe
