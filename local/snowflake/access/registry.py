"""What is on record: the objects' owners, the grants, and which role has which. All in memory; `record` keeps it on disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local.snowflake.access.securables import ACCOUNT, OWNERSHIP, PRIVILEGES, Securable

ADMINISTRATOR = "ACCOUNTADMIN"
PUBLIC = "PUBLIC"
_BENEATH = {
    ADMINISTRATOR: ("SECURITYADMIN", "SYSADMIN"),
    "SECURITYADMIN": ("USERADMIN",),
    "SYSADMIN": (),
    "USERADMIN": (),
    PUBLIC: (),
}
"""The roles that every account has, and which of them each has."""
_BORN_WITH = {
    ADMINISTRATOR: (*PRIVILEGES["ACCOUNT"], "CREATE RESOURCE MONITOR", "MODIFY ACCOUNT"),
    "SECURITYADMIN": ("MANAGE GRANTS", "CREATE NETWORK POLICY", "ATTACH POLICY"),
    "SYSADMIN": ("CREATE DATABASE", "CREATE WAREHOUSE"),
    "USERADMIN": ("CREATE USER", "CREATE ROLE"),
}
"""Their privileges on the account."""
SYSTEM_ROLES = tuple(_BENEATH)
Member = tuple[str, str]
"""A ROLE or a USER, by its name."""


@dataclass
class Thing:
    """An object with its owner, its properties as they were set, and, of a view, what it reads."""

    owner: str
    kind: str
    properties: dict[str, Any] = field(default_factory=dict)
    reads: list[list[str]] = field(default_factory=list)
    created: str = ""


class Registry:
    def __init__(self) -> None:
        self.things: dict[Securable, Thing] = {}
        self.grants: dict[Securable, dict[str, dict[str, bool]]] = {}
        """On each object, of each role: its privileges, and whether it may grant them on."""
        self.future: dict[Securable, dict[str, dict[str, dict[str, bool]]]] = {}
        """In each database or schema, of each kind of object, of each role."""
        self.members: dict[str, set[Member]] = {}
        """Of each role, those who have it."""
        self.version = 0
        self._reached: dict[frozenset[str], frozenset[str]] = {}

    def changed(self) -> None:
        self.version += 1
        self._reached = {}

    # --- objects and owners

    def thing(self, securable: Securable) -> Thing | None:
        return self.things.get(securable.key)

    def owner(self, securable: Securable) -> str:
        """What nobody is known to own is the administrator's, as all was before roles were kept."""
        thing = self.things.get(securable.key)
        return thing.owner if thing else ADMINISTRATOR

    def all_of(self, kind: str) -> Iterator[tuple[Securable, Thing]]:
        return ((key, thing) for key, thing in sorted(self.things.items()) if thing.kind == kind)

    def create(self, securable: Securable, thing: Thing) -> None:
        """Record a new object, or one that replaces another, with what future grants give on it."""
        self.things[securable.key] = thing
        for role, privileges in self._future_grants(securable):
            if OWNERSHIP in privileges:
                thing.owner = role
            given = {name: option for name, option in privileges.items() if name != OWNERSHIP}
            if given:
                self.grants.setdefault(securable.key, {}).setdefault(role, {}).update(given)
        self.changed()

    def drop(self, securable: Securable) -> None:
        """Forget an object, its grants, and all that was in it."""
        gone = [key for key in self._keys() if key == securable.key or key.is_in(securable)]
        for key in gone:
            for kept in (self.things, self.grants, self.future):
                kept.pop(key, None)
        if securable.kind in ("ROLE", "USER"):
            self._forget_grantee((securable.kind, securable.name[0]))
        self.changed()

    def rename(self, old: Securable, new: Securable) -> None:
        if (thing := self.things.pop(old.key, None)) is not None:
            self.things[new.key] = thing
        if (grants := self.grants.pop(old.key, None)) is not None:
            self.grants[new.key] = grants
        self.changed()

    def rename_role(self, old: str, new: str) -> None:
        self.things[Securable("ROLE", (new,))] = self.things.pop(Securable("ROLE", (old,)))
        if old in self.members:
            self.members[new] = self.members.pop(old)
        for members in self.members.values():
            if ("ROLE", old) in members:
                members.symmetric_difference_update({("ROLE", old), ("ROLE", new)})
        for on_object in (*self.grants.values(), *self._future_by_kind()):
            if old in on_object:
                on_object[new] = on_object.pop(old)
        self.hand_over_all(old, new)

    def hand_over_all(self, old: str, new: str) -> None:
        """What a role owned is another's."""
        for thing in self.things.values():
            if thing.owner == old:
                thing.owner = new
        self.changed()

    def _keys(self) -> set[Securable]:
        return self.things.keys() | self.grants.keys() | self.future.keys()

    def _forget_grantee(self, member: Member) -> None:
        kind, name = member
        for members in self.members.values():
            members.discard(member)
        if kind == "ROLE":
            self.members.pop(name, None)
            for on_object in (*self.grants.values(), *self._future_by_kind()):
                on_object.pop(name, None)

    def _future_by_kind(self) -> Iterator[dict[str, dict[str, bool]]]:
        return (of_kind for kinds in self.future.values() for of_kind in kinds.values())

    def _future_grants(self, securable: Securable) -> Iterable[tuple[str, dict[str, bool]]]:
        """Those of the schema; those of the database only where the schema has none for this kind."""
        container = securable.container
        while container != ACCOUNT:
            if found := self.future.get(container, {}).get(securable.kind):
                return found.items()
            container = container.container
        return ()

    # --- roles

    def roles(self) -> list[str]:
        return sorted(
            {*SYSTEM_ROLES, *(key.name[0] for key, thing in self.things.items() if thing.kind == "ROLE")}
        )

    def has_role(self, role: str) -> bool:
        return role in _BENEATH or Securable("ROLE", (role,)) in self.things

    def reached(self, roles: frozenset[str]) -> frozenset[str]:
        """These roles, all that they have, and PUBLIC."""
        if (known := self._reached.get(roles)) is not None:
            return known
        beneath = self._beneath()
        found, waiting = {PUBLIC}, [*roles]
        while waiting:
            role = waiting.pop()
            if role not in found or role == PUBLIC:
                found.add(role)
                waiting += [each for each in beneath[role] if each not in found]
        self._reached[roles] = frozenset(found)
        return self._reached[roles]

    def _beneath(self) -> dict[str, list[str]]:
        beneath = defaultdict(list, {role: [*roles] for role, roles in _BENEATH.items()})
        for role, members in self.members.items():
            for kind, name in members:
                if kind == "ROLE":
                    beneath[name].append(role)
        return beneath

    def roles_of_user(self, user: str) -> frozenset[str]:
        return frozenset(role for role, members in self.members.items() if ("USER", user) in members)

    # --- privileges

    def has(self, roles: frozenset[str], privileges: Iterable[str], securable: Securable) -> bool:
        """Whether any of the roles has any of the privileges on the object. Its owner has all."""
        if securable == ACCOUNT:
            born_with = {name for role in roles for name in _BORN_WITH.get(role, ())}
            if not born_with.isdisjoint(privileges):
                return True
        elif self.owner(securable) in roles:
            return True
        granted = self.grants.get(securable.key)
        return granted is not None and any(
            not granted[role].keys().isdisjoint(privileges) for role in roles & granted.keys()
        )

    def sees(self, roles: frozenset[str], securable: Securable) -> bool:
        """Whether any of the roles has any privilege on the object, or may grant all."""
        return (
            self.owner(securable) in roles
            or not roles.isdisjoint(
                role for role, found in self.grants.get(securable.key, {}).items() if found
            )
            or self.has(roles, ("MANAGE GRANTS",), ACCOUNT)
        )

    def may_grant_on(self, roles: frozenset[str], privilege: str, securable: Securable) -> bool:
        """Whether any of the roles has this privilege with the grant option."""
        granted = self.grants.get(securable.key, {})
        return any(granted[role].get(privilege, False) for role in roles & granted.keys())
