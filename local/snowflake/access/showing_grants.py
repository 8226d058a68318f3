"""SHOW GRANTS and SHOW FUTURE GRANTS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from local.snowflake.access import refused
from local.snowflake.access.answers import Answer
from local.snowflake.access.orders import Show
from local.snowflake.access.registry import Registry
from local.snowflake.access.securables import OWNERSHIP, Securable, in_full

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

_OF_PRIVILEGES = (
    "created_on",
    "privilege",
    "granted_on",
    "name",
    "granted_to",
    "grantee_name",
    "grant_option",
)
_OF_ROLES = ("created_on", "role", "granted_to", "grantee_name", "granted_by")
_OF_FUTURE = ("created_on", "privilege", "grant_on", "name", "grant_to", "grantee_name", "grant_option")
_Grant = tuple[str, str, str, str, bool]


def grants(order: Show, gate: Gate) -> Answer:
    """TO a role or user, OF a role, ON an object. Without any: to the session's role."""
    registry = gate.access.registry
    name = order.name or (gate.standing.role,)
    if order.relation == "OF":
        members = sorted(registry.members.get(name[0], ()))
        return Answer(_OF_ROLES, [("", name[0], kind, member, None) for kind, member in members])
    if order.relation == "TO" and order.kind == "USER":
        roles = sorted(registry.roles_of_user(name[0]))
        return Answer(_OF_ROLES, [("", role, "USER", name[0], None) for role in roles])
    if order.relation == "ON":
        return _on(order, gate)
    rows = sorted(each for each in _all(registry) if each[3] == name[0])
    rows += [
        ("USAGE", "ROLE", role, name[0], False)
        for role, members in sorted(registry.members.items())
        if ("ROLE", name[0]) in members
    ]
    return _answer(rows)


def _on(order: Show, gate: Gate) -> Answer:
    kind = order.kind or ""
    name = in_full(kind, order.name, gate.scope)
    securable = Securable(kind, order.name if name is None else name)
    if name is None or not gate.is_known(securable) or not gate.judge.sees(securable):
        raise refused.hidden(securable)
    registry = gate.access.registry
    found = [
        each for each in _all(registry) if each[1:3] in ((kind, securable.text), ("VIEW", securable.text))
    ]
    if registry.thing(securable) is None and kind != "ACCOUNT":
        found.append((OWNERSHIP, kind, securable.text, registry.owner(securable), True))
    return _answer(sorted(found))


def _all(registry: Registry) -> Iterator[_Grant]:
    for key, thing in registry.things.items():
        if key.name:
            yield OWNERSHIP, thing.kind, key.text, thing.owner, True
    for key, of_role in registry.grants.items():
        known = registry.thing(key)
        for role, privileges in of_role.items():
            for privilege, option in privileges.items():
                yield privilege, known.kind if known else key.kind, key.text, role, option


def _answer(found: list[_Grant]) -> Answer:
    rows = [
        ("", privilege, kind.replace(" ", "_"), name, "ROLE", role, option)
        for privilege, kind, name, role, option in found
    ]
    return Answer(_OF_PRIVILEGES, rows)


def future_grants(order: Show, gate: Gate) -> Answer:
    if order.relation == "TO":
        containers = list(gate.access.registry.future)
    else:
        kind = order.kind or ""
        name = in_full(kind, order.name, gate.scope)
        containers = [Securable(kind, name or order.name)]
    rows = [
        ("", privilege, kind, f"{container.text}.<{kind}>", "ROLE", role, option)
        for container in containers
        for kind, of_kind in sorted(gate.access.registry.future.get(container, {}).items())
        for role, privileges in sorted(of_kind.items())
        if order.relation != "TO" or role == order.name[0]
        for privilege, option in sorted(privileges.items())
    ]
    return Answer(_OF_FUTURE, rows)
