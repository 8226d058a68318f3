"""What privileges are granted on: kinds of objects, their full names, and the privileges that each kind has."""

from __future__ import annotations

from typing import NamedTuple

OWNERSHIP = "OWNERSHIP"
ANY = "ANY"
"""Not a privilege: any one will do."""

_IN_A_SCHEMA = ("TABLE", "VIEW", "STAGE", "SEQUENCE", "FILE FORMAT", "MASKING POLICY")
_OF_THE_ACCOUNT = (
    *("DATABASE", "WAREHOUSE", "ROLE", "USER"),
    *("INTEGRATION", "RESOURCE MONITOR", "NETWORK POLICY"),
)
_PARTS = {
    **dict.fromkeys(_IN_A_SCHEMA, 3),
    "SCHEMA": 2,
    **dict.fromkeys(_OF_THE_ACCOUNT, 1),
    "ACCOUNT": 0,
}
PRIVILEGES: dict[str, tuple[str, ...]] = {
    "ACCOUNT": (
        *(f"CREATE {kind}" for kind in _OF_THE_ACCOUNT if kind != "RESOURCE MONITOR"),
        *("MANAGE GRANTS", "APPLY MASKING POLICY", "ATTACH POLICY", "MONITOR USAGE", "MONITOR EXECUTION"),
    ),
    "DATABASE": ("USAGE", "CREATE SCHEMA", "MODIFY", "MONITOR"),
    "SCHEMA": ("USAGE", "MODIFY", "MONITOR", *(f"CREATE {kind}" for kind in _IN_A_SCHEMA)),
    "TABLE": ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"),
    "VIEW": ("SELECT", "REFERENCES"),
    "STAGE": ("USAGE", "READ", "WRITE"),
    "SEQUENCE": ("USAGE",),
    "FILE FORMAT": ("USAGE",),
    "MASKING POLICY": ("APPLY",),
    "WAREHOUSE": ("USAGE", "OPERATE", "MONITOR", "MODIFY"),
    "INTEGRATION": ("USAGE",),
    "RESOURCE MONITOR": ("MONITOR", "MODIFY"),
    "NETWORK POLICY": ("USAGE",),
    "ROLE": ("USAGE",),
    "USER": ("MONITOR",),
}
PLURALS = {f"{kind[:-1]}IES" if kind.endswith("Y") else f"{kind}S": kind for kind in PRIVILEGES}
KINDS_IN_A_SCHEMA = _IN_A_SCHEMA
KINDS = tuple(PRIVILEGES)


class Scope(NamedTuple):
    """Where names that are not written in full are looked for."""

    database: str | None
    schema: str | None


class Securable(NamedTuple):
    """An object that a role owns, by its full name. Tables and views share one space of names."""

    kind: str
    name: tuple[str, ...]

    @property
    def container(self) -> Securable:
        match len(self.name):
            case 3:
                return Securable("SCHEMA", self.name[:2])
            case 2:
                return Securable("DATABASE", self.name[:1])
            case _:
                return ACCOUNT

    @property
    def key(self) -> Securable:
        """As which it is recorded."""
        return Securable("TABLE", self.name) if self.kind == "VIEW" else self

    @property
    def text(self) -> str:
        return ".".join(self.name)

    def is_in(self, container: Securable) -> bool:
        inside = len(self.name) > len(container.name) > 0
        return inside and self.name[: len(container.name)] == container.name and not self._is_apart(container)

    def _is_apart(self, container: Securable) -> bool:
        return container.kind not in ("DATABASE", "SCHEMA")


ACCOUNT = Securable("ACCOUNT", ())


def parts_of(kind: str) -> int:
    """How many parts a full name has."""
    return _PARTS[kind]


def in_full(kind: str, name: tuple[str, ...], scope: Scope) -> tuple[str, ...] | None:
    """The full name of an object. None if the session has no current database or schema to complete it."""
    around = {3: (scope.database, scope.schema), 2: (scope.database,)}.get(_PARTS[kind], ())
    missing = _PARTS[kind] - len(name)
    if missing < 0:
        return None
    known = around[: missing or 0]
    if len(known) < missing or any(part is None for part in known):
        return None
    return (*(part.upper() for part in known if part), *name)
