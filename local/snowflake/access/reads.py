"""What a statement reads, by names as they are written: tables, stages, formats and sequences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import Expr, exp

from local.snowflake.access.securables import ANY, OWNERSHIP

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
    is_target = isinstance(parent, _TARGETS) and table is target_of(parent.this)
    return not is_target and _INFORMATION_SCHEMA not in parts(table)[:-1]


def _read(table: exp.Table) -> Iterator[Need]:
    this = table.this
    if isinstance(this, exp.DynamicIdentifier):
        yield _select(parts(table))
    elif isinstance(this, exp.Var) and this.name.startswith("@"):
        yield from stage(this.name, "USAGE", "READ")
        yield from file_format(table.args.get("format"))
    elif isinstance(this, exp.Identifier) and not _is_a_query(table):
        yield _select(parts(table))


def _select(name: Name) -> Need:
    if name == ("DUAL",):
        return Need((ANY,), "DATABASE", ())
    if len(name) > 1 and name[-2] == _INFORMATION_SCHEMA:
        return Need(("USAGE",), "DATABASE", name[:-2])
    return Need(("SELECT",), "TABLE", name)


def stage(written: str, *privileges: str) -> Iterator[Need]:
    """Of @name/path. A user's own stage (@~) needs nothing, a table's (@%name) its owner."""
    name = tuple(folded(part) for part in written[1:].partition("/")[0].split("."))
    if name == ("~",):
        return
    if name[-1].startswith("%"):
        yield Need((OWNERSHIP,), "TABLE", (*name[:-1], name[-1][1:]))
    else:
        yield Need(privileges, "STAGE", name)


def file_format(value: Expr | None) -> Iterator[Need]:
    if isinstance(value, (exp.Literal, exp.Column, exp.Var)):
        yield Need(("USAGE",), "FILE FORMAT", tuple(folded(part) for part in value.name.split(".")))


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
    return tuple(folded(part.name) for part in node.parts)  # type: ignore[attr-defined]


def folded(name: str) -> str:
    return name.strip('"').upper()


def target_of(node: Expr) -> exp.Table:
    found = node.this if isinstance(node, exp.Schema) else node
    return found if isinstance(found, exp.Table) else exp.Table(this=exp.DynamicIdentifier(this=exp.Null()))
