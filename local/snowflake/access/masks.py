"""Masking policies: which columns have one, and queries in which these columns are masked for the session's roles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fakesnow.dialect import parse_one
from sqlglot import Expr, exp
from sqlglot.optimizer.simplify import simplify

from local.snowflake.access import refused
from local.snowflake.access.answers import DONE, Answer
from local.snowflake.access.orders import Mask
from local.snowflake.access.reads import is_read, parts
from local.snowflake.access.registry import ADMINISTRATOR, Registry, Thing
from local.snowflake.access.securables import OWNERSHIP, Scope, Securable, in_full
from local.snowflake.refusals import unsupported

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

_MASKS = "MASKS"
QUERY = "QUERY"
"""Of a view: its text, with full names."""
Masks = dict[str, Expr]
"""Of each masked column of a table, what is shown instead."""


def set_mask(order: Mask, gate: Gate) -> Answer:
    registry, judge = gate.access.registry, gate.judge
    name = in_full("TABLE", order.table, gate.scope)
    table = Securable("TABLE", name or order.table)
    if not gate.is_there(table):
        if order.if_exists:
            return DONE
        raise refused.hidden(table)
    policy = _policy(order, gate)
    if not judge.may_apply_masks():
        judge.require((OWNERSHIP,), table)
        if policy:
            judge.require(("APPLY",), policy)
    with gate.access.changing():
        thing = registry.thing(table)
        if thing is None:
            thing = registry.things[table.key] = Thing(ADMINISTRATOR, table.kind)
        masks = thing.properties.setdefault(_MASKS, {})
        if policy is None:
            masks.pop(order.column, None)
        elif order.column in masks and not order.force and masks[order.column]["policy"] != [*policy.name]:
            raise refused.has_a_mask(order.column)
        else:
            masks[order.column] = {"policy": [*policy.name], "using": [*order.using] or [order.column]}
    return DONE


def _policy(order: Mask, gate: Gate) -> Securable | None:
    if order.policy is None:
        return None
    name = in_full("MASKING POLICY", order.policy, gate.scope)
    policy = Securable("MASKING POLICY", name or order.policy)
    thing = gate.access.registry.thing(policy)
    if thing is None:
        raise refused.hidden(policy)
    if order.using and len(order.using) != len(thing.properties["ARGUMENTS"]):
        raise unsupported(
            f"a masking policy of {len(thing.properties['ARGUMENTS'])} columns USING {len(order.using)}"
        )
    return policy


def masked_tables(registry: Registry) -> Iterator[tuple[Securable, dict[str, Any]]]:
    return ((key, masks) for key, thing in registry.things.items() if (masks := thing.properties.get(_MASKS)))


def masks_for(registry: Registry, roles: frozenset[str], role: str) -> dict[tuple[str, ...], Masks]:
    """Of each table, the columns that these roles do not see as they are."""
    found: dict[tuple[str, ...], Masks] = {}
    for table, masks in masked_tables(registry):
        for column, mask in masks.items():
            shown = _shown(registry, mask, roles, role)
            if shown != exp.column(exp.to_identifier(column, quoted=True)):
                found.setdefault(table.name, {})[column] = shown
    return found


def _shown(registry: Registry, mask: dict[str, Any], roles: frozenset[str], role: str) -> Expr:
    """The policy's body, of the table's columns, with what it asks of roles answered."""
    thing = registry.thing(Securable("MASKING POLICY", tuple(mask["policy"])))
    if thing is None:
        raise unsupported("a column whose masking policy was dropped")
    arguments = {
        name: column for (name, _), column in zip(thing.properties["ARGUMENTS"], mask["using"], strict=True)
    }

    def answered(node: Expr) -> Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.upper() in arguments:
            return exp.column(exp.to_identifier(arguments[node.name.upper()], quoted=True))
        if isinstance(node, exp.Anonymous) and node.name.upper() == "IS_ROLE_IN_SESSION":
            return exp.convert(node.expressions[0].name.upper() in roles)
        if isinstance(node, exp.CurrentRole):
            return exp.Literal.string(role)
        return node

    body = parse_one(f"SELECT {thing.properties['BODY']}").expressions[0]
    shown: Expr = simplify(body.transform(answered))
    return shown


def masked(
    statement: Expr, masks: Mapping[tuple[str, ...], Masks], registry: Registry, scope: Scope, own: Any
) -> Expr:
    """The statement, with each read of a masked table, or of a view of one, in place of its masked columns."""
    statement = statement.copy()
    for table in [*statement.find_all(exp.Table)]:
        if not is_read(table):
            continue
        name = in_full("TABLE", parts(table), scope)
        if name is None or (securable := Securable("TABLE", name)) in own:
            continue
        query = _in_place_of(securable, masks, registry)
        if query is not None:
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name[-1], quoted=True))
            table.replace(exp.Subquery(this=query, alias=alias.copy()))
    return statement


def _in_place_of(
    securable: Securable, masks: Mapping[tuple[str, ...], Masks], registry: Registry
) -> Expr | None:
    if of_table := masks.get(securable.name):
        shown = [exp.alias_(what.copy(), column, quoted=True) for column, what in of_table.items()]
        database, schema, table = (exp.to_identifier(part, quoted=True) for part in securable.name)
        source = exp.table_(table, schema, database)
        return exp.Select(expressions=[exp.Star(replace=shown)]).from_(source)
    thing = registry.thing(securable)
    if thing is None or QUERY not in thing.properties:
        return None
    if not _reads_masked(thing, masks, registry, frozenset({securable})):
        return None
    return masked(parse_one(thing.properties[QUERY]), masks, registry, Scope(None, None), ())


def _reads_masked(
    thing: Thing, masks: Mapping[tuple[str, ...], Masks], registry: Registry, within: frozenset[Securable]
) -> bool:
    for read in map(tuple, thing.reads):
        below = registry.thing(Securable("TABLE", read))
        key = Securable("TABLE", read)
        if read in masks or (
            below and key not in within and _reads_masked(below, masks, registry, within | {key})
        ):
            return True
    return False


def touches(
    names: Iterable[tuple[str, ...]], masks: dict[tuple[str, ...], Masks], registry: Registry
) -> bool:
    """Whether any of these tables or views shows a masked column."""
    keys = [Securable("TABLE", name) for name in names]
    return any(
        key.name in masks
        or ((thing := registry.thing(key)) and _reads_masked(thing, masks, registry, frozenset({key})))
        for key in keys
    )


def in_full_names(query: Expr, scope: Scope) -> str:
    """The text of a view's query, wherever it is read from."""
    query = query.copy()
    for table in query.find_all(exp.Table):
        if is_read(table) and (name := in_full("TABLE", parts(table), scope)):
            database, schema, this = (exp.to_identifier(part, quoted=True) for part in name)
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(name[-1], quoted=True)))
            for part, identifier in (("catalog", database), ("db", schema), ("this", this)):
                table.set(part, identifier)
    return query.sql(dialect="snowflake")
