"""Statements parsed and translated to DuckDB, kept for the next time: on little data that takes longer than to execute them.

Only queries and DML are kept. What they become depends on their text, the session's schema and its temporary tables, and on
nothing that a table holds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from fakesnow.dialect import parse_one
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from local.snowflake.access import order_reading
from local.snowflake.forms import Form, form_of
from local.snowflake.temporary import Place

T = TypeVar("T")
# A character of a statement takes about 200 bytes when it is parsed and translated.
_CHARACTERS = 500_000
_LONGEST = 30_000  # a longer one is a list of values, which is not executed twice
_KINDS = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge)
# What such a statement becomes depends on more: bound values, session variables, stages, earlier results.
_DEPENDS_ON_MORE = (
    *("IDENTIFIER", "$", "@", "RESULT_SCAN"),
    *("CURRENT_ROLE", "CURRENT_USER", "CURRENT_WAREHOUSE", "IS_ROLE_IN_SESSION"),
)


class Kept(Generic[T]):
    """What was used last, of all sessions: of texts with so many characters in all."""

    def __init__(self, characters: int = _CHARACTERS) -> None:
        self._characters = characters
        self._found: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> T | None:
        with self._lock:
            if (found := self._found.get(key)) is None:
                return None
            self._found.move_to_end(key)
            return found[0]

    def keep(self, key: Hashable, value: T, characters: int) -> None:
        with self._lock:
            self._found[key] = value, characters
            while sum(size for _, size in self._found.values()) > self._characters:
                self._found.popitem(last=False)


_PARSED: Kept[Expr] = Kept()


def parsed(command: str) -> Expr:
    """The statement, only to be looked at: the next caller gets the same one.

    Of one about the account there is no tree: sqlglot knows only some of them.
    """
    if order_reading.is_one(command):
        return exp.Command(this="ORDER", expression=command)
    text = form_of(command).text
    try:
        return _parsed(text)
    except ProgrammingError:
        return _parsed(command)  # so that the message shows what was sent


def _parsed(text: str) -> Expr:
    if (known := _PARSED.find(text)) is not None:
        return known
    statement: Expr = parse_one(text)
    if len(text) <= _LONGEST:
        _PARSED.keep(text, statement, len(text))
    return statement


def can_be_kept(command: str) -> bool:
    text = form_of(command).text.upper()
    return (
        len(text) <= _LONGEST
        and isinstance(parsed(command), _KINDS)
        and not any(word in text for word in _DEPENDS_ON_MORE)
    )


class Step:
    """A statement of DuckDB. Its text is written once, however often it is executed."""

    def __init__(self, expression: Expr) -> None:
        self.expression = expression

    @cached_property
    def text(self) -> str:
        return self.expression.sql(dialect="duckdb")

    @cached_property
    def has_values(self) -> bool:
        return self.expression.find(exp.Placeholder) is not None


class Written:
    """Passes for an expression whose text is known. fakesnow asks an expression for its text each time it executes it."""

    def __init__(self, expression: Expr, text: str) -> None:
        self._expression = expression
        self._text = text

    @property  # type: ignore[misc]
    def __class__(self) -> type[Expr]:  # type: ignore[override]
        """isinstance() asks this."""
        return type(self._expression)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._expression, name)

    def sql(self, dialect: str) -> str:
        return self._text if dialect == "duckdb" else self._expression.sql(dialect=dialect)


@dataclass
class Translation:
    """What DuckDB executes for one statement, several for a MERGE, and the names that temporary tables had in it."""

    temporary: Mapping[Place, str]
    steps: Sequence[Step]

    @cached_property
    def texts(self) -> list[str]:
        return [step.text for step in self.steps]

    def written(self, step: Step, form: Form, temporary: Mapping[Place, str]) -> Written:
        """With this execution's values, and the names that the temporary tables of this session have."""
        text = form.filled(step.text)
        for place, name in self.temporary.items():
            text = text.replace(name, temporary[place])
        return Written(step.expression, text)
