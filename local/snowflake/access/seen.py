"""What a session sees of itself, and nothing of objects that its roles do not see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from sqlglot import Expr, exp

from local.snowflake.access import refused
from local.snowflake.access.answers import is_like
from local.snowflake.access.reads import parts
from local.snowflake.access.securables import Securable, in_full

if TYPE_CHECKING:
    from local.snowflake.access.gate import Gate

_INFORMATION_SCHEMA = "INFORMATION_SCHEMA"
_BY_TABLE = ("TABLES", "VIEWS", "COLUMNS")
_LISTED = {"TABLES": "TABLE", "VIEWS": "VIEW", "OBJECTS": "TABLE", "STAGES": "STAGE", "SEQUENCES": "SEQUENCE"}
_NAMED_BY = ("database_name", "schema_name", "name")


def with_session(statement: Expr, gate: Gate) -> Expr:
    """CURRENT_ROLE() and the like, answered."""
    standing = gate.standing
    known = {
        exp.CurrentRole: standing.role,
        exp.CurrentUser: standing.user,
        exp.CurrentWarehouse: standing.warehouse,
    }

    def answered(node: Expr) -> Expr:
        for kind, value in known.items():
            if isinstance(node, kind):
                return exp.convert(value)
        if isinstance(node, exp.Anonymous) and node.name.upper() == "IS_ROLE_IN_SESSION":
            return exp.convert(gate.judge.has_role(node.expressions[0].name.upper()))
        return node

    return statement.transform(answered)


def seen_of_information_schema(statement: Expr, gate: Gate) -> Expr:
    """With conditions on the names, for roles that do not see all."""
    judge = gate.judge
    tables = [
        each
        for each in statement.find_all(exp.Table)
        if isinstance(each.this, exp.Identifier) and _INFORMATION_SCHEMA in parts(each)[-2:-1]
    ]
    if not tables or judge.manages_grants():
        return statement
    for table in tables:
        database = parts(table)[0] if len(parts(table)) == 3 else gate.scope.database or ""
        kinds = ("SCHEMA",) if parts(table)[-1] == "SCHEMATA" else ("TABLE", "VIEW")
        names = [
            each.name[1:]
            for kind in kinds
            for each in gate.all_of(kind)
            if each.name[0] == database and judge.sees(each)
        ]
        if (condition := _named_like(parts(table)[-1], names)) is not None:
            alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(parts(table)[-1]))
            bare = table.copy()
            bare.set("alias", None)
            table.replace(exp.Subquery(this=exp.select("*").from_(bare).where(condition), alias=alias.copy()))
    return statement


def _named_like(view: str, names: list[tuple[str, ...]]) -> Expr | None:
    if view in _BY_TABLE:
        columns: list[Expr] = [exp.column("TABLE_SCHEMA"), exp.column("TABLE_NAME")]
    elif view == "SCHEMATA":
        columns = [exp.column("SCHEMA_NAME")]
    else:
        return None
    each_named = [
        exp.and_(
            *(column.copy().eq(exp.Literal.string(part)) for column, part in zip(columns, name, strict=True))
        )
        for name in names
    ]
    return exp.or_(*each_named) if each_named else exp.false()


def refuse_unknown_place(statement: exp.Show, gate: Gate) -> None:
    """Of a database or schema that is not there, or that the roles do not see, fakesnow shows nothing."""
    kind, place = statement.args.get("scope_kind"), statement.args.get("scope")
    if kind not in ("DATABASE", "SCHEMA") or not isinstance(place, exp.Table):
        return
    name = in_full(kind, parts(place), gate.scope)
    if name and not (gate.is_known(securable := Securable(kind, name)) and gate.judge.sees(securable)):
        raise refused.unusable()


def only_seen(cursor: Any, session: Any, statement: exp.Show) -> None:
    """Give SHOW's rows their owners, and leave out what the roles do not see, and what is not LIKE asked."""
    kind = _LISTED.get(statement.name.upper())
    found: pa.Table | None = cursor._arrow_table
    if kind is None or found is None or not set(_NAMED_BY) <= set(found.column_names):
        return
    like = statement.args.get("like")
    judge, registry = session.gate.judge, session.gate.access.registry
    listed = [Securable(kind, tuple(row[part].upper() for part in _NAMED_BY)) for row in found.to_pylist()]
    if "owner" in found.column_names:
        owners = pa.array([registry.owner(each) for each in listed], pa.string())
        found = found.set_column(found.column_names.index("owner"), "owner", owners)
    seen = [judge.sees(each) and is_like(each.name[-1], like and like.name) for each in listed]
    _answer_with(found.filter(pa.array(seen, pa.bool_())), cursor, session)


def _answer_with(found: pa.Table, cursor: Any, session: Any) -> None:
    cursor._arrow_table, cursor._rowcount = found, found.num_rows
    _, _, *rest = session.results_cache[cursor._sfqid]
    session.results_cache[cursor._sfqid] = (found, found.num_rows, *rest)
