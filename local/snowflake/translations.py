"""Statements parsed and translated to DuckDB, kept for the next time: on little data that takes longer than to execute them.

Only queries and DML are kept. What they become depends on their text, the session's schema and its temporary tables, and on
nothing that a table holds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from fakesnow.dialect import parse_one
from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

from local.snowflake.forms import Form, form_of
from local.snowflake.temporary import Place

_KEPT = 1000
_LONGEST = 100_000  # a longer one is a list of values, which is not executed twice
_KINDS = (exp.Query, exp.Insert, exp.Update, exp.Delete, exp.Merge)
# What such a statement becomes depends on more: bound values, session variables, stages, earlier results.
_DEPENDS_ON_MORE = ("IDENTIFIER", "$", "@", "RESULT_SCAN")


def parsed(command: str) -> Expr:
    """The statement, only to be looked at: the next caller gets the same one."""
    text = form_of(command).text
    try:
        return _parsed(text) if len(text) <= _LONGEST else parse_one(text)
    except ProgrammingError:
        return _parsed(command)  # so that the message shows what was sent


@lru_cache(_KEPT)
def _parsed(text: str) -> Expr:
    statement: Expr = parse_one(text)
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

    def written(self, step: Step, form: Form, temporary: Mapping[Place, str]) -> Written:
        """With this execution's values, and the names that the temporary tables of this session have."""
        text = form.filled(step.text)
        for place, name in self.temporary.items():
            text = text.replace(name, temporary[place])
        return Written(step.expression, text)


class Translations:
    """The ones that were used last, of all sessions."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._found: OrderedDict[Hashable, Translation] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Translation | None:
        with self._lock:
            if (found := self._found.get(key)) is not None:
                self._found.move_to_end(key)
            return found

    def keep(self, key: Hashable, translation: Translation) -> None:
        with self._lock:
            self._found[key] = translation
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
