"""Statements that the local Snowflake rewrites or refuses, because fakesnow would run them differently from Snowflake.

fakesnow translates Snowflake SQL to DuckDB SQL. If a statement would succeed here but fail in Snowflake, or the other
way round, it is changed or refused here. docs/parity.md lists each case with its test.
"""

from __future__ import annotations

from enum import Enum

from fakesnow.transforms.merge import merge as fakesnow_merge
from fakesnow.transforms.merge import operations
from fakesnow.transforms.transforms import numeric_agg_implicit_cast as fakesnow_aggregate
from sqlglot import Expr, exp

from local.snowflake.refusals import unsupported

_UNENFORCED_COLUMN_CONSTRAINTS = (
    exp.PrimaryKeyColumnConstraint,
    exp.UniqueColumnConstraint,
    exp.Reference,
)
_UNENFORCED_TABLE_CONSTRAINTS = (exp.PrimaryKey, exp.UniqueColumnConstraint, exp.ForeignKey)
_LONGEST_VARCHAR = 16_777_216
_TEXT_TYPES = (exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.NVARCHAR, exp.DType.NCHAR, exp.DType.TEXT)

DIVISION_BY_ZERO = "Division by zero"
MERGE_TARGET_ROW = "merge_target_row"


class Kind(Enum):
    READ = "read"
    WRITE = "write"
    DDL = "ddl"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"


def kind_of(statement: Expr) -> Kind:
    if isinstance(statement, (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy)):
        return Kind.WRITE
    if isinstance(statement, (exp.Create, exp.Drop, exp.Alter, exp.TruncateTable, exp.Comment)):
        return Kind.DDL
    if isinstance(statement, exp.Transaction):
        return Kind.BEGIN
    if isinstance(statement, exp.Commit):
        return Kind.COMMIT
    if isinstance(statement, exp.Rollback):
        return Kind.ROLLBACK
    return Kind.READ


def faithful(statement: Expr) -> Expr:
    """Rewrite the statement where DuckDB would give it another meaning than Snowflake."""
    if isinstance(statement, exp.Create) and isinstance(statement.this, exp.Schema):
        statement = statement.copy()
        _drop_unenforced_constraints(statement.this)
        _enforce_text_lengths(statement.this)
    return statement.transform(_guarded_division)


def _drop_unenforced_constraints(table: exp.Schema) -> None:
    """Remove PRIMARY KEY, UNIQUE and FOREIGN KEY: Snowflake records them but does not enforce them."""
    kept = []
    for element in table.expressions:
        if isinstance(element, exp.Constraint):
            element.set(
                "expressions",
                [e for e in element.expressions if not isinstance(e, _UNENFORCED_TABLE_CONSTRAINTS)],
            )
            if not element.expressions:
                continue
        if isinstance(element, _UNENFORCED_TABLE_CONSTRAINTS):
            continue
        if isinstance(element, exp.ColumnDef):
            element.set("constraints", [c for c in element.constraints if not _is_unenforced(c)])
        kept.append(element)
    table.set("expressions", kept)


def _is_unenforced(constraint: exp.ColumnConstraint) -> bool:
    return isinstance(constraint.kind, _UNENFORCED_COLUMN_CONSTRAINTS)


def _enforce_text_lengths(table: exp.Schema) -> None:
    for column in table.find_all(exp.ColumnDef):
        type_ = column.kind
        if type_ is None or type_.this not in _TEXT_TYPES or not type_.expressions:
            continue
        limit = int(type_.expressions[0].name)
        if limit >= _LONGEST_VARCHAR:
            continue
        fits = exp.LTE(
            this=exp.Length(this=exp.column(column.this.copy())), expression=exp.Literal.number(limit)
        )
        column.append("constraints", exp.ColumnConstraint(kind=exp.CheckColumnConstraint(this=fits)))


def _guarded_division(node: Expr) -> Expr:
    """Make x / 0 fail, as in Snowflake. DuckDB returns infinity or null."""
    if not isinstance(node, exp.Div) or _cannot_be_zero(node.expression):
        return node
    divisor = node.expression
    is_zero = exp.EQ(this=exp.paren(divisor.copy()), expression=exp.Literal.number(0))
    failing = exp.Anonymous(this="error", expressions=[exp.Literal.string(DIVISION_BY_ZERO)])
    guarded = exp.Case(ifs=[exp.If(this=is_zero, true=failing)], default=divisor.copy())
    node.set("expression", guarded)
    return node


def _cannot_be_zero(divisor: Expr) -> bool:
    if isinstance(divisor, exp.Paren):
        return _cannot_be_zero(divisor.this)
    if isinstance(divisor, exp.Nullif):
        return bool(divisor.expression.name == "0")
    return isinstance(divisor, exp.Case) or (
        isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.name) != 0
    )


def exact_aggregate(node: Expr) -> Expr:
    """Keep SUM, AVG etc. of NUMBER exact, as in Snowflake. fakesnow casts their argument to DOUBLE."""
    if not isinstance(node, exp.AggFunc):
        return node
    argument = node.this
    named: Expr = fakesnow_aggregate(node)
    aggregate = named.this if isinstance(named, exp.Alias) else named
    aggregate.set("this", argument)
    return named


def merge_statements(merge: exp.Merge) -> list[Expr]:
    """fakesnow's steps of a MERGE, extended to detect two source rows that would update the same target row."""
    candidates, *rest = fakesnow_merge(merge)
    selected = candidates.find(exp.Select)
    if selected is None:
        raise unsupported("this MERGE")
    target = merge.this.alias or merge.this.name
    selected.select(f"{target}.rowid AS {MERGE_TARGET_ROW}", copy=False)
    already = {item.sql().upper() for item in selected.expressions}
    for column in _source_columns(merge):
        if column.upper() not in already:
            already.add(column.upper())
            selected.select(column, copy=False)
    candidates.set("update_clauses", operations(merge)["updated"])
    return [candidates, *rest]


def _source_columns(merge: exp.Merge) -> list[str]:
    """The source columns that any clause reads. fakesnow keeps only columns that stand alone in SET or VALUES."""
    source = merge.args["using"].alias_or_name.upper()
    clauses = merge.args["whens"]
    found = {c.sql() for c in clauses.find_all(exp.Column) if c.table.upper() == source}
    return sorted(found)
