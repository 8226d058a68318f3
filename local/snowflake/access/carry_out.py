"""Orders about the account, carried out: what is made, changed and dropped, and as what the session acts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from local.snowflake.access import grants, refused, showing
from local.snowflake.access.answers import DONE, Answer, status
from local.snowflake.access.masks import set_mask
from local.snowflake.access.orders import (
    Alter,
    Create,
    Describe,
    Drop,
    Grant,
    GrantRole,
    Manage,
    Mask,
    Order,
    Show,
    Use,
)
from local.snowflake.access.registry import ADMINISTRATOR, SYSTEM_ROLES, Thing
from local.snowflake.access.securables import ACCOUNT, OWNERSHIP, Securable, in_full
from local.snowflake.refusals import unsupported

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

_ACCOUNT_SETTINGS = Securable("ACCOUNT SETTINGS", ())
_ADMINISTRATORS_ALONE = ("RESOURCE MONITOR",)
_SETTINGS = {
    "DATABASE": ("DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", "COMMENT"),
    "SCHEMA": ("DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", "COMMENT"),
    "TABLE": ("DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS", "COMMENT"),
}
"""What is kept of these without effect. Anything else is refused."""


def carried_out(order: Order, gate: Gate) -> Answer:
    match order:
        case Create():
            return _create(order, gate)
        case Alter():
            return _alter(order, gate)
        case Drop():
            return _drop(order, gate)
        case GrantRole():
            return grants.role(order, gate)
        case Grant():
            return grants.privileges(order, gate)
        case Use():
            return _use(order, gate)
        case Manage():
            return _manage(order, gate)
        case Mask():
            return set_mask(order, gate)
        case Show():
            return showing.show(order, gate)
        case Describe():
            return showing.describe(order, gate)


def _create(order: Create, gate: Gate) -> Answer:
    securable = _named(order.kind, order.name, gate)
    _require_creation(order.kind, securable, gate)
    registry = gate.access.registry
    there = registry.thing(securable) is not None or (order.kind == "ROLE" and order.name[0] in SYSTEM_ROLES)
    if there and order.if_not_exists:
        return status(f"{securable.name[-1]} already exists, statement succeeded.")
    if there and not order.replaces:
        raise refused.exists_already(securable)
    _require_what_it_names(order.properties, gate)
    with gate.access.changing():
        if there:
            _require_ownership(securable, gate)
            registry.drop(securable)
        thing = Thing(gate.standing.role, order.kind, dict(order.properties), created=_now())
        registry.create(securable, thing)
    return status(f"{order.kind.capitalize()} {securable.name[-1]} successfully created.")


def _require_creation(kind: str, securable: Securable, gate: Gate) -> None:
    if kind in _ADMINISTRATORS_ALONE:
        if not gate.judge.has_role(ADMINISTRATOR):
            raise refused.insufficient(ACCOUNT)
        return
    gate.judge.require((f"CREATE {kind}",), securable.container)


def _require_what_it_names(properties: dict[str, Any], gate: Gate) -> None:
    """A monitor or policy that is not there is refused. A user's default role and warehouse may come later."""
    for name, kind in (("RESOURCE_MONITOR", "RESOURCE MONITOR"), ("NETWORK_POLICY", "NETWORK POLICY")):
        named = properties.get(name)
        if named and str(named).upper() != "NULL":
            securable = Securable(kind, (str(named).upper(),))
            if gate.access.registry.thing(securable) is None:
                raise refused.hidden(securable)


def _alter(order: Alter, gate: Gate) -> Answer:
    if order.kind == "ACCOUNT":
        return _alter_account(order, gate)
    securable = _named(order.kind, order.name, gate)
    if not _is_there(securable, gate):
        if order.if_exists:
            return DONE
        raise refused.hidden(securable)
    _require_alteration(order, securable, gate)
    if unknown := order.sets.keys() - set(_SETTINGS.get(order.kind, order.sets)):
        raise unsupported(f"ALTER {order.kind} … SET {', '.join(sorted(unknown))}")
    _require_what_it_names(order.sets, gate)
    with gate.access.changing() as registry:
        thing = registry.thing(securable)
        if thing is None:
            thing = registry.things[securable.key] = Thing(ADMINISTRATOR, order.kind)
        thing.properties |= order.sets
        for name in order.unsets:
            thing.properties.pop(name, None)
        if order.renamed_to:
            _rename(securable, Securable(order.kind, order.renamed_to), gate)
    return DONE


def _require_alteration(order: Alter, securable: Securable, gate: Gate) -> None:
    judge = gate.judge
    if order.kind in ("ROLE", "USER") or order.renamed_to or order.kind == "TABLE":
        _require_ownership(securable, gate)
    elif "RESOURCE_MONITOR" in {*order.sets, *order.unsets}:
        if not judge.has_role(ADMINISTRATOR):
            raise refused.insufficient(securable)
    else:
        judge.require(("OPERATE",) if order.operation else ("MODIFY", OWNERSHIP), securable)


def _rename(old: Securable, new: Securable, gate: Gate) -> None:
    if old.kind != "ROLE":
        raise unsupported(f"ALTER {old.kind} … RENAME")
    if gate.access.registry.has_role(new.name[0]):
        raise refused.exists_already(new)
    gate.access.registry.rename_role(old.name[0], new.name[0])


def _alter_account(order: Alter, gate: Gate) -> Answer:
    if not gate.judge.has_role(ADMINISTRATOR):
        raise refused.insufficient(ACCOUNT)
    _require_what_it_names(order.sets, gate)
    with gate.access.changing() as registry:
        thing = registry.things.setdefault(_ACCOUNT_SETTINGS, Thing(ADMINISTRATOR, "ACCOUNT"))
        thing.properties |= order.sets
        for name in order.unsets:
            thing.properties.pop(name, None)
    return DONE


def _drop(order: Drop, gate: Gate) -> Answer:
    securable = _named(order.kind, order.name, gate)
    registry = gate.access.registry
    if registry.thing(securable) is None:
        if order.if_exists:
            return status(f"Drop statement executed successfully ({securable.name[-1]} already dropped).")
        raise refused.hidden(securable)
    _require_ownership(securable, gate)
    with gate.access.changing():
        if order.kind == "ROLE":
            registry.hand_over_all(order.name[0], gate.standing.role)
        registry.drop(securable)
    return status(f"{securable.name[-1]} successfully dropped.")


def _use(order: Use, gate: Gate) -> Answer:
    registry, standing = gate.access.registry, gate.standing
    if order.kind == "SECONDARY ROLES":
        if order.name not in ("ALL", "NONE"):
            raise unsupported(f"USE SECONDARY ROLES {order.name}")
        standing.has_secondary = order.name == "ALL"
    elif order.kind == "ROLE":
        if not registry.has_role(order.name):
            raise refused.unusable()
        if not standing.may_take(registry, order.name):
            raise refused.not_assigned(order.name)
        standing.role = order.name
    else:
        warehouse = Securable("WAREHOUSE", (order.name,))
        is_there = registry.thing(warehouse) is not None
        if not (is_there or not standing.is_known) or not registry.has(
            standing.active(registry), ("USAGE", "OPERATE"), warehouse
        ):
            raise refused.unusable()
        standing.warehouse = order.name
    return DONE


def _manage(order: Manage, gate: Gate) -> Answer:
    schema = _named("SCHEMA", order.name, gate)
    if not gate.is_there(schema):
        raise refused.hidden(schema)
    if order.rest is None:
        _require_ownership(schema, gate)
    with gate.access.changing() as registry:
        thing = registry.thing(schema)
        if thing is None:
            thing = registry.things[schema.key] = Thing(ADMINISTRATOR, "SCHEMA")
        thing.properties[grants.MANAGED] = order.is_managed
    return DONE


def _named(kind: str, name: tuple[str, ...], gate: Gate) -> Securable:
    full = in_full(kind, name, gate.scope)
    if full is None:
        raise refused.hidden(Securable(kind, name))
    return Securable(kind, full)


def _is_there(securable: Securable, gate: Gate) -> bool:
    return gate.access.registry.thing(securable) is not None or gate.is_there(securable)


def _require_ownership(securable: Securable, gate: Gate) -> None:
    gate.judge.require((OWNERSHIP,), securable)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
