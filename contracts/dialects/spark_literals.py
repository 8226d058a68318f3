"""Literals and names in Spark SQL."""

from __future__ import annotations


def literal(text: str) -> str:
    """A Spark SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(column: str) -> str:
    """A quoted Spark SQL identifier, for any column name that a file may have."""
    return "`" + column.replace("`", "``") + "`"
