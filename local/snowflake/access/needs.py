"""What privileges a statement needs and what it makes, read from its tree: whoever runs it, and wherever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from sqlglot import Expr, exp

from local.snowflake.access.reads import Name, Need, file_format, folded, parts, reads, stage, target_of
from local.snowflake.access.securables import ANY, KINDS, KINDS_IN_A_SCHEMA, OWNERSHIP


@dataclass(frozen=True)
class Effect:
    """An object that the statement makes, drops or renames."""

    what: str
    kind: str
    name: Name
    replaces: bool = False
    copies_grants: bool = False
    reads: tuple[Name, ...] = ()
    query: Expr | None = None
    """Of a view."""
    integration: str | None = None
    """Of a stage."""
    new_name: Name = ()


@dataclass(frozen=True)
class Plan:
    needs: tuple[Need, ...] = ()
    effects: tuple[Effect, ...] = ()
    is_masked: bool = False
    """Whether it reads a column that is not shown to the session as it is."""
    computes: bool = False
    """Whether it reads or writes rows, which takes a warehouse."""
    is_known: bool = True
    """Whether it is said here what the statement needs. What is not known, an administrator alone may run."""


_UNKNOWN = Plan(is_known=False)


def plan_of(statement: Expr) -> Plan:
    for kind, planned in _PLANNED.items():
        if isinstance(statement, kind):
            plan: Plan = planned(statement)
            return replace(plan, computes=_computes(statement, plan))
    return _UNKNOWN


def _computes(statement: Expr, plan: Plan) -> bool:
    """Definitions and lists need no warehouse, nor do queries of no table."""
    if isinstance(statement, exp.Create):
        return str(statement.args["kind"]).upper() == "TABLE" and isinstance(statement.expression, exp.Query)
    rows = any(need.kind in ("TABLE", "STAGE") for need in plan.needs)
    return rows and isinstance(statement, _COMPUTED)


def _nothing(_: Expr) -> Plan:
    return Plan()


def _query(statement: Expr) -> Plan:
    return Plan(tuple(reads(statement)))


def _on(target: exp.Table, *privileges: str) -> Iterator[Need]:
    """Each of the privileges on a table that is written to."""
    name = parts(target)
    yield from (Need((each,), "TABLE", name) for each in privileges)


def _insert(statement: exp.Insert) -> Plan:
    target = target_of(statement.this)
    privileges = ("INSERT", "DELETE") if statement.args.get("overwrite") else ("INSERT",)
    return Plan((*_on(target, *privileges), *reads(statement, target)))


def _insert_all(statement: exp.MultitableInserts) -> Plan:
    inserts = [*statement.find_all(exp.Insert)]
    targets = [target_of(each.this) for each in inserts]
    return Plan((*(need for each in targets for need in _on(each, "INSERT")), *reads(statement, *targets)))


def _update(statement: exp.Update) -> Plan:
    return _change(statement, "UPDATE", [each.expression for each in statement.expressions])


def _delete(statement: exp.Delete) -> Plan:
    return _change(statement, "DELETE", [])


def _change(statement: Expr, privilege: str, values: list[Expr]) -> Plan:
    """A condition, or a value made of columns, reads the table as well."""
    target = target_of(statement.this)
    looks = statement.args.get("where") or any(value.find(exp.Column) for value in values)
    privileges = (privilege, "SELECT") if looks else (privilege,)
    return Plan((*_on(target, *privileges), *reads(statement, target)))


def _merge(statement: exp.Merge) -> Plan:
    target = target_of(statement.this)
    branches = {_branch(when.args["then"]): None for when in statement.args["whens"].expressions}
    return Plan((*_on(target, "SELECT", *branches), *reads(statement, target)))


def _branch(then: Expr) -> str:
    return then.name.upper() if isinstance(then, exp.Var) else then.key.upper()


def _truncate(statement: exp.TruncateTable) -> Plan:
    return Plan(tuple(need for each in statement.expressions for need in _on(target_of(each), "TRUNCATE")))


def _copy(statement: exp.Copy) -> Plan:
    target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    is_unload = isinstance(target.this, exp.Var)
    needs = [*(stage(target.name, "USAGE", "WRITE") if is_unload else _on(target, "INSERT"))]
    for file in statement.args.get("files") or []:
        needs += reads(file)
    for option in statement.find_all(exp.Property):
        if option.name.upper() == "FORMAT_NAME":
            needs += file_format(option.args["value"])
    return Plan(tuple(needs))


def _list(statement: Expr) -> Plan:
    return Plan(tuple(stage(statement.this.name, "USAGE", "READ")))


def _put(statement: exp.Put) -> Plan:
    return Plan(tuple(stage(statement.args["target"].name, "USAGE", "WRITE")))


def _command(statement: exp.Command) -> Plan:
    written = (
        statement.expression.name if isinstance(statement.expression, Expr) else str(statement.expression)
    )
    place = next((word for word in written.split() if word.startswith("@")), None)
    if place and statement.name.upper() in ("REMOVE", "RM"):
        return Plan(tuple(stage(place, "USAGE", "WRITE")))
    return Plan() if statement.name.upper() == "SHOW" else _UNKNOWN


def _unset(statement: exp.Alias) -> Plan:
    """UNSET of a variable is read as a column with an alias."""
    return Plan() if statement.this.name.upper() == "UNSET" else _UNKNOWN


def _create(statement: exp.Create) -> Plan:
    kind = str(statement.args["kind"]).upper()
    if kind not in (*KINDS_IN_A_SCHEMA, "SCHEMA", "DATABASE"):
        return _UNKNOWN
    target = target_of(statement.this)
    name = parts(target)
    replaces = bool(statement.args.get("replace"))
    is_temporary = statement.find(exp.TemporaryProperty) is not None
    # A temporary table needs its schema's and database's USAGE alone, unless it would hide a lasting one.
    needs = [Need(("USAGE",) if is_temporary else (f"CREATE {kind}",), kind, name, True)]
    if is_temporary or replaces:
        needs.append(Need((OWNERSHIP,), kind, name, if_there=True))
    found = [*reads(statement, target)] if kind in ("TABLE", "VIEW") else []
    effect = Effect(
        "create",
        kind,
        name,
        replaces,
        statement.find(exp.CopyGrantsProperty) is not None,
        tuple(each.name for each in found if each.kind == "TABLE") if kind == "VIEW" else (),
        statement.expression if kind == "VIEW" and isinstance(statement.this, exp.Table) else None,
        next((each.name[0] for each in _integration(statement)), None),
    )
    return Plan((*needs, *found, *_integration(statement)), () if is_temporary else (effect,))


def _integration(statement: exp.Create) -> Iterator[Need]:
    for option in statement.find_all(exp.Property):
        if option.name.upper() == "STORAGE_INTEGRATION":
            yield Need(("USAGE",), "INTEGRATION", (folded(option.args["value"].name),))


def _drop(statement: exp.Drop) -> Plan:
    kind = str(statement.args["kind"]).upper()
    if kind not in KINDS:
        return _UNKNOWN
    tables = [each for each in statement.args.get("tables") or [] if isinstance(each, exp.Table)]
    names = [parts(each) for each in tables]
    return Plan(
        tuple(Need((OWNERSHIP,), kind, name, if_there=bool(statement.args.get("exists"))) for name in names),
        tuple(Effect("drop", kind, name) for name in names),
    )


def _alter(statement: exp.Alter) -> Plan:
    kind = str(statement.args["kind"]).upper()
    if kind == "SESSION":
        return Plan()
    if kind not in ("TABLE", "VIEW") or not isinstance(statement.this, exp.Table):
        return _UNKNOWN
    name = parts(statement.this)
    needs = [Need((OWNERSHIP,), kind, name, if_there=bool(statement.args.get("exists")))]
    effects: list[Effect] = []
    for action in statement.args.get("actions") or []:
        if isinstance(action, exp.AlterRename):
            new = parts(action.this)
            needs.append(Need((f"CREATE {kind}",), kind, new, True))
            effects.append(Effect("rename", kind, name, new_name=new))
    return Plan(tuple(needs), tuple(effects))


def _comment(statement: exp.Comment) -> Plan:
    kind = str(statement.args["kind"]).upper()
    name = parts(statement.this) if isinstance(statement.this, (exp.Table, exp.Column)) else ()
    if kind == "COLUMN":
        kind, name = "TABLE", name[:-1]
    return Plan((Need((OWNERSHIP,), kind, name),)) if name and kind in KINDS else _UNKNOWN


def _describe(statement: exp.Describe) -> Plan:
    if isinstance(statement.this, exp.Table):
        kind = str(statement.args.get("kind") or "TABLE").upper()
        return Plan((Need((ANY,), kind if kind in KINDS_IN_A_SCHEMA else "TABLE", parts(statement.this)),))
    return Plan(tuple(reads(statement.this)))


def _use(statement: exp.Use) -> Plan:
    table = statement.this
    if not isinstance(table, exp.Table):
        return _UNKNOWN
    kind = statement.args.get("kind")
    written = kind.name.upper() if isinstance(kind, exp.Var) else ""
    of = written or ("SCHEMA" if table.args.get("db") else "DATABASE")
    return Plan((Need(("USAGE",), of, parts(table)),)) if of in ("DATABASE", "SCHEMA") else _UNKNOWN


_COMPUTED = (
    *(exp.Query, exp.Insert, exp.MultitableInserts),
    *(exp.Update, exp.Delete, exp.Merge, exp.Copy),
)
_PLANNED: dict[type[Expr], Callable[..., Plan]] = {
    exp.Query: _query,
    exp.Insert: _insert,
    exp.MultitableInserts: _insert_all,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.TruncateTable: _truncate,
    exp.Copy: _copy,
    exp.ListStage: _list,
    exp.Put: _put,
    exp.Create: _create,
    exp.Drop: _drop,
    exp.Alter: _alter,
    exp.Comment: _comment,
    exp.Describe: _describe,
    exp.Use: _use,
    exp.Command: _command,
    exp.Alias: _unset,
    **dict.fromkeys((exp.Show, exp.Set, exp.Transaction, exp.Commit, exp.Rollback), _nothing),
}
