"""Functions of checksums that DuckDB lacks, or has with another meaning."""

from __future__ import annotations

from sqlglot import Expr, exp

_HEX_DIGITS = 16


def with_checksums(statement: Expr) -> Expr:
    """MD5_NUMBER_LOWER64: the last 64 bits as a number. DuckDB's md5_number_lower takes them in another order."""
    return statement.transform(_lower_64)


def _lower_64(node: Expr) -> Expr:
    if not isinstance(node, exp.MD5NumberLower64):
        return node
    last = exp.Right(this=exp.MD5(this=node.this), expression=exp.Literal.number(_HEX_DIGITS))
    hexadecimal = exp.DPipe(this=exp.Literal.string("0x"), expression=last)
    return exp.cast(exp.cast(hexadecimal, "UBIGINT", dialect="duckdb"), "DECIMAL(20, 0)", dialect="duckdb")
