"""What privileges a statement needs, read from its tree: by names as they are written, whoever runs it and wherever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import Expr, exp

from local.snowflake.access.securables import ANY, KINDS_IN_A_SCHEMA, OWNERSHIP

Name = tuple[str, ...]
_INFORMATION_SCHEMA = "INFORMATION_SCHEMA"
_TARGETS = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy, exp.Create, exp.TruncateTable)
_PLAIN = (exp.Literal, exp.Null, exp.Boolean, exp.Placeholder, exp.Neg)


@dataclass(frozen=True)
class Need:
    """Any of these privileges on the object, or on what contains it."""

    privileges: tuple[str, ...]
    kind: str
    name: Name
    on_container: bool = False
    if_there: bool = False
    """Only if such an object exists: it would be replaced, hidden or dropped."""

    @property
    def is_nameless(self) -> bool:
        """Whether the name is not in the statement's text: IDENTIFIER() of a bound value."""
        return not self.name and self.kind != "DATABASE"


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


def plan_of(statement: Expr) -> Plan:
    for kind, planned in _PLANNED.items():
        if isinstance(statement, kind):
            return planned(statement)
    return Plan()


# --- what is read


def reads(node: Expr | None, *targets: Expr) -> Iterator[Need]:
    """SELECT of each table, USAGE of each stage, format and sequence that is read. The targets are not."""
    if node is None:
        return
    for each in node.walk(prune=_is_a_row_of_values):
        if isinstance(each, exp.Table) and not any(each is target for target in targets):
            yield from _read(each)
        elif isinstance(each, exp.Column) and each.name.upper() == "NEXTVAL" and each.args.get("table"):
            yield Need(("USAGE",), "SEQUENCE", parts(each)[:-1])


def _is_a_row_of_values(node: Expr) -> bool:
    return isinstance(node, exp.Tuple) and all(isinstance(each, _PLAIN) for each in node.expressions)


def is_read(table: exp.Table) -> bool:
    """Whether it is a table or view that the statement reads: not a stage, a function or a query's name."""
    if not isinstance(table.this, exp.Identifier) or _is_a_query(table):
        return False
    parent = table.parent.parent if isinstance(table.parent, exp.Schema) else table.parent
    is_target = isinstance(parent, _TARGETS) and table is _target(parent.this)
    return not is_target and _INFORMATION_SCHEMA not in parts(table)[:-1]


def _read(table: exp.Table) -> Iterator[Need]:
    this = table.this
    if isinstance(this, exp.DynamicIdentifier):
        yield _select(parts(table))
    elif isinstance(this, exp.Var) and this.name.startswith("@"):
        yield from _stage(this.name, "USAGE", "READ")
        yield from _format(table.args.get("format"))
    elif isinstance(this, exp.Identifier) and not _is_a_query(table):
        yield _select(parts(table))


def _select(name: Name) -> Need:
    if name == ("DUAL",):
        return Need((ANY,), "DATABASE", ())
    if len(name) > 1 and name[-2] == _INFORMATION_SCHEMA:
        return Need(("USAGE",), "DATABASE", name[:-2])
    return Need(("SELECT",), "TABLE", name)


def _stage(written: str, *privileges: str) -> Iterator[Need]:
    """Of @name/path. A user's own stage (@~) needs nothing, a table's (@%name) its owner."""
    name = tuple(_folded(part) for part in written[1:].partition("/")[0].split("."))
    if name == ("~",):
        return
    if name[-1].startswith("%"):
        yield Need((OWNERSHIP,), "TABLE", (*name[:-1], name[-1][1:]))
    else:
        yield Need(privileges, "STAGE", name)


def _format(value: Expr | None) -> Iterator[Need]:
    if isinstance(value, (exp.Literal, exp.Column, exp.Var)):
        yield Need(("USAGE",), "FILE FORMAT", tuple(_folded(part) for part in value.name.split(".")))


def _is_a_query(table: exp.Table) -> bool:
    """Whether it names a query of a WITH around it. That one's own text, and the queries before it, do not see it."""
    name = table.name.upper()
    if table.args.get("db"):
        return False
    node: Expr = table
    while (parent := node.parent) is not None:
        if any(each.alias.upper() == name for each in _queries_seen(node, parent)):
            return True
        # The query that has a WITH sees all of it; what is in the WITH was looked at.
        node = parent.parent or parent if isinstance(parent, exp.With) else parent
    return False


def _queries_seen(node: Expr, parent: Expr) -> list[Expr]:
    """The queries of a WITH that a node of its parent sees."""
    if isinstance(parent, exp.With):
        queries: list[Expr] = parent.expressions
        return queries if parent.args.get("recursive") else queries[: _place(queries, node)]
    around = parent.args.get("with_")
    return around.expressions if around is not None and around is not node else []


def _place(nodes: list[Expr], node: Expr) -> int:
    return next(place for place, each in enumerate(nodes) if each is node)


def parts(node: Expr) -> Name:
    """A name as it is written. IDENTIFIER('…') is one too, of a bound value it is not known."""
    if isinstance(node.this, exp.DynamicIdentifier):
        literal = node.this.this
        is_text = isinstance(literal, exp.Literal) and literal.is_string
        return parts(exp.to_table(literal.name, dialect="snowflake")) if is_text else ()
    return tuple(_folded(part.name) for part in node.parts)  # type: ignore[attr-defined]


def _folded(name: str) -> str:
    return name.strip('"').upper()


# --- statements


def _query(statement: Expr) -> Plan:
    return Plan(tuple(reads(statement)))


def _target(node: Expr) -> exp.Table:
    found = node.this if isinstance(node, exp.Schema) else node
    return found if isinstance(found, exp.Table) else exp.Table(this=exp.DynamicIdentifier(this=exp.Null()))


def _on(target: exp.Table, *privileges: str) -> Iterator[Need]:
    """Each of the privileges on a table that is written to."""
    name = parts(target)
    yield from (Need((each,), "TABLE", name) for each in privileges)


def _insert(statement: exp.Insert) -> Plan:
    target = _target(statement.this)
    privileges = ("INSERT", "DELETE") if statement.args.get("overwrite") else ("INSERT",)
    return Plan((*_on(target, *privileges), *reads(statement, target)))


def _insert_all(statement: exp.MultitableInserts) -> Plan:
    inserts = [*statement.find_all(exp.Insert)]
    targets = [_target(each.this) for each in inserts]
    return Plan((*(need for each in targets for need in _on(each, "INSERT")), *reads(statement, *targets)))


def _update(statement: exp.Update) -> Plan:
    return _change(statement, "UPDATE", [each.expression for each in statement.expressions])


def _delete(statement: exp.Delete) -> Plan:
    return _change(statement, "DELETE", [])


def _change(statement: Expr, privilege: str, values: list[Expr]) -> Plan:
    """A condition, or a value made of columns, reads the table as well."""
    target = _target(statement.this)
    looks = statement.args.get("where") or any(value.find(exp.Column) for value in values)
    privileges = (privilege, "SELECT") if looks else (privilege,)
    return Plan((*_on(target, *privileges), *reads(statement, target)))


def _merge(statement: exp.Merge) -> Plan:
    target = _target(statement.this)
    branches = {_branch(when.args["then"]): None for when in statement.args["whens"].expressions}
    return Plan((*_on(target, "SELECT", *branches), *reads(statement, target)))


def _branch(then: Expr) -> str:
    return then.name.upper() if isinstance(then, exp.Var) else then.key.upper()


def _truncate(statement: exp.TruncateTable) -> Plan:
    return Plan(tuple(need for each in statement.expressions for need in _on(_target(each), "TRUNCATE")))


def _copy(statement: exp.Copy) -> Plan:
    target = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    is_unload = isinstance(target.this, exp.Var)
    needs = [*(_stage(target.name, "USAGE", "WRITE") if is_unload else _on(target, "INSERT"))]
    for file in statement.args.get("files") or []:
        needs += reads(file)
    for option in statement.find_all(exp.Property):
        if option.name.upper() == "FORMAT_NAME":
            needs += _format(option.args["value"])
    return Plan(tuple(needs))


def _list(statement: Expr) -> Plan:
    return Plan(tuple(_stage(statement.this.name, "USAGE", "READ")))


def _put(statement: exp.Put) -> Plan:
    return Plan(tuple(_stage(statement.args["target"].name, "USAGE", "WRITE")))


def _command(statement: exp.Command) -> Plan:
    written = (
        statement.expression.name if isinstance(statement.expression, Expr) else str(statement.expression)
    )
    stage = next((word for word in written.split() if word.startswith("@")), None)
    verb = statement.name.upper()
    if stage and verb in ("REMOVE", "RM"):
        return Plan(tuple(_stage(stage, "USAGE", "WRITE")))
    return Plan()


def _create(statement: exp.Create) -> Plan:
    kind = str(statement.args["kind"]).upper()
    if kind not in (*KINDS_IN_A_SCHEMA, "SCHEMA", "DATABASE"):
        return Plan()
    target = _target(statement.this)
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
            yield Need(("USAGE",), "INTEGRATION", (_folded(option.args["value"].name),))


def _drop(statement: exp.Drop) -> Plan:
    kind = str(statement.args["kind"]).upper()
    tables = [each for each in statement.args.get("tables") or [] if isinstance(each, exp.Table)]
    names = [parts(each) for each in tables]
    return Plan(
        tuple(Need((OWNERSHIP,), kind, name, if_there=bool(statement.args.get("exists"))) for name in names),
        tuple(Effect("drop", kind, name) for name in names),
    )


def _alter(statement: exp.Alter) -> Plan:
    kind = str(statement.args["kind"]).upper()
    if kind not in ("TABLE", "VIEW") or not isinstance(statement.this, exp.Table):
        return Plan()
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
    return Plan((Need((OWNERSHIP,), kind, name),)) if name else Plan()


def _describe(statement: exp.Describe) -> Plan:
    if isinstance(statement.this, exp.Table):
        kind = str(statement.args.get("kind") or "TABLE").upper()
        return Plan((Need((ANY,), kind if kind in KINDS_IN_A_SCHEMA else "TABLE", parts(statement.this)),))
    return Plan(tuple(reads(statement.this)))


def _use(statement: exp.Use) -> Plan:
    table = statement.this
    if not isinstance(table, exp.Table):
        return Plan()
    kind = statement.args.get("kind")
    written = kind.name.upper() if isinstance(kind, exp.Var) else ""
    of = written or ("SCHEMA" if table.args.get("db") else "DATABASE")
    return Plan((Need(("USAGE",), of, parts(table)),)) if of in ("DATABASE", "SCHEMA") else Plan()


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
}
