"""GRANT and REVOKE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.snowflake.access import refused
from local.snowflake.access.answers import DONE, Answer, status
from local.snowflake.access.orders import Grant, GrantRole, On
from local.snowflake.access.registry import SYSTEM_ROLES, Registry, Thing
from local.snowflake.access.securables import ACCOUNT, OWNERSHIP, PRIVILEGES, Securable, in_full

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

MANAGED = "MANAGED ACCESS"


def role(order: GrantRole, gate: Gate) -> Answer:
    """Give a role to a role or user, or take it away."""
    kind, name = order.member
    member = Securable(kind, (name,))
    granted = Securable("ROLE", (order.role,))
    registry, judge = gate.access.registry, gate.judge
    for each in (granted, member):
        if not gate.is_known(each):
            raise refused.hidden(each)
    administers = order.role in SYSTEM_ROLES and not judge.has_role(order.role)
    if administers or not (judge.manages_grants() or judge.owns(granted)):
        raise refused.insufficient(granted)
    if kind == "ROLE" and name in registry.reached(frozenset((order.role,))) and not order.is_revoked:
        raise refused.circular(order.role, name)
    with gate.access.changing():
        members = registry.members.setdefault(order.role, set())
        if order.is_revoked:
            members.discard((kind, name))
        else:
            members.add((kind, name))
    return DONE


def privileges(order: Grant, gate: Gate) -> Answer:
    if not gate.access.registry.has_role(order.role):
        raise refused.hidden(Securable("ROLE", (order.role,)))
    if order.on.which == "FUTURE":
        return _future(order, gate)
    objects = _objects(order.on, gate)
    wanted = [(each, _wanted(order, each.kind)) for each in objects]
    if order.on.which == "ALL":
        wanted = [(each, some) for each, some in wanted if _may(some, each, gate)]
    else:
        for each, some in wanted:
            if not _may(some, each, gate):
                raise refused.insufficient(each)
    with gate.access.changing() as registry:
        for each, some in wanted:
            if OWNERSHIP in some:
                _hand_over(order, each, registry)
            else:
                _give(order, some, registry.grants.setdefault(each.key, {}).setdefault(order.role, {}))
    return (
        DONE
        if order.on.which == "ONE"
        else status(f"Statement executed successfully. {len(wanted)} objects affected.")
    )


def _objects(on: On, gate: Gate) -> list[Securable]:
    if on.kind == "ACCOUNT":
        return [ACCOUNT]
    if on.which == "ALL":
        container = container_of(on, gate)
        return [each for each in gate.all_of(on.kind) if each.is_in(container)]
    name = in_full(on.kind, on.name, gate.scope)
    if name is None or not gate.is_known(found := Securable(on.kind, name)):
        raise refused.hidden(Securable(on.kind, on.name))
    return [found]


def container_of(on: On, gate: Gate) -> Securable:
    name = in_full(on.within, on.name, gate.scope)
    if name is None or not gate.is_known(container := Securable(on.within, name)):
        raise refused.hidden(Securable(on.within, on.name))
    return container


def _wanted(order: Grant, kind: str) -> tuple[str, ...]:
    if order.privileges == ("ALL",):
        return PRIVILEGES[kind]
    for privilege in order.privileges:
        if privilege != OWNERSHIP and privilege not in PRIVILEGES[kind]:
            raise refused.no_privilege(privilege, kind)
    return order.privileges


def _may(wanted: tuple[str, ...], securable: Securable, gate: Gate) -> bool:
    """By MANAGE GRANTS, as the owner (of the schema, if it manages access), or with the grant option."""
    judge = gate.judge
    if judge.manages_grants():
        return True
    schema = gate.access.registry.thing(securable.container)
    owner = securable.container if schema and schema.properties.get(MANAGED) else securable
    if securable != ACCOUNT and judge.owns(owner):
        return True
    return OWNERSHIP not in wanted and all(judge.may_grant(each, securable) for each in wanted)


def _hand_over(order: Grant, securable: Securable, registry: Registry) -> None:
    grants = registry.grants.get(securable.key, {})
    if any(grants.values()) and order.current_grants is None and securable.kind != "ROLE":
        raise refused.dependent_grants(securable)
    if order.current_grants == "REVOKE":
        registry.grants.pop(securable.key, None)
    if (thing := registry.thing(securable)) is None:
        thing = registry.things[securable.key] = Thing(order.role, securable.kind)
    thing.owner = order.role


def _give(order: Grant, wanted: tuple[str, ...], given: dict[str, bool]) -> None:
    for privilege in wanted:
        if order.is_revoked:
            given.pop(privilege, None)
        else:
            given[privilege] = given.get(privilege, False) or order.with_option


def _future(order: Grant, gate: Gate) -> Answer:
    container = container_of(order.on, gate)
    judge, registry = gate.judge, gate.access.registry
    schema = registry.thing(container)
    is_managed = bool(schema and schema.properties.get(MANAGED))
    if not (judge.manages_grants() or (is_managed and judge.owns(container))):
        raise refused.insufficient(container)
    wanted = _wanted(order, order.on.kind)
    with gate.access.changing():
        of_kind = registry.future.setdefault(container, {}).setdefault(order.on.kind, {})
        _give(order, wanted, of_kind.setdefault(order.role, {}))
        if not of_kind[order.role]:
            del of_kind[order.role]
    return DONE
