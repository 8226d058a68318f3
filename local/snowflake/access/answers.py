"""What a statement about the account answers, as a query that DuckDB runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import Expr, exp

Row = Sequence[Any]


@dataclass(frozen=True)
class Answer:
    columns: tuple[str, ...]
    rows: Sequence[Row]

    def query(self) -> Expr:
        """All values are texts or null, as SHOW gives them."""
        rows = [exp.select(*map(_named, self.columns, row)) for row in self.rows]
        if not rows:
            return exp.select(*(_named(column, None) for column in self.columns)).where(exp.false())
        return rows[0] if len(rows) == 1 else exp.union(*rows, distinct=False, copy=False)


def status(text: str) -> Answer:
    return Answer(("status",), [(text,)])


DONE = status("Statement executed successfully.")


def is_like(name: str, pattern: str | None) -> bool:
    """By SHOW's LIKE, which minds no upper or lower case."""
    if pattern is None:
        return True
    expression = "".join({"%": ".*", "_": "."}.get(each, re.escape(each)) for each in pattern)
    return re.fullmatch(expression, name, re.IGNORECASE | re.DOTALL) is not None


def _named(column: str, value: Any) -> Expr:
    literal = exp.Null() if value is None else exp.Literal.string(_text(value))
    return exp.alias_(exp.cast(literal, "VARCHAR"), column, quoted=True)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(value)
