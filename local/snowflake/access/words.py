"""A reader of the words of a statement about the account. sqlglot has no tree for most of these."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from snowflake.connector.errors import ProgrammingError

_WORD = re.compile(
    r"\s+|--[^\n]*|//[^\n]*|/\*.*?\*/"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*'|\$\$.*?\$\$)"
    r'|(?P<quoted>"(?:[^"]|"")*")'
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w$]*)"
    r"|(?P<sign>->|=>|.)",
    re.DOTALL,
)
Value = Any
"""Of a property: text, a number, a truth value or a list of them."""


@dataclass(frozen=True)
class Word:
    kind: str
    text: str
    start: int

    @property
    def folded(self) -> str:
        """A name as it is kept. DuckDB's are the same in upper and lower case, whether quoted or not."""
        return self.text[1:-1].replace('""', '"').upper() if self.kind == "quoted" else self.text.upper()


class Reader:
    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._words = [
            Word(match.lastgroup, match.group(), match.start())
            for match in _WORD.finditer(statement)
            if match.lastgroup
        ]
        while self._words and self._words[-1].text == ";":
            self._words.pop()
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._words)

    def reads(self, *words: str) -> bool:
        """Whether these words come next."""
        coming = self._words[self._at : self._at + len(words)]
        return len(coming) == len(words) and all(
            found.kind in ("word", "sign") and found.text.upper() == word
            for found, word in zip(coming, words, strict=True)
        )

    def takes(self, phrase: str) -> bool:
        """Go past these words if they come next."""
        words = phrase.split()
        if found := self.reads(*words):
            self._at += len(words)
        return found

    def takes_one_of(self, phrases: Any) -> str | None:
        """Go past the first of these that comes next: the longest are tried first."""
        for phrase in sorted(phrases, key=len, reverse=True):
            if self.takes(phrase):
                return str(phrase)
        return None

    def expect(self, phrase: str) -> None:
        if not self.takes(phrase):
            raise self.wrong(f"expected {phrase}")

    def word(self) -> str:
        """The next word, in upper case."""
        if self.is_done or self._words[self._at].kind not in ("word", "quoted"):
            raise self.wrong("expected a name")
        self._at += 1
        return self._words[self._at - 1].folded

    def name(self) -> tuple[str, ...]:
        """A name, with what it is qualified by."""
        parts = [self.word()]
        while self.takes("."):
            parts.append(self.word())
        return tuple(parts)

    def names(self) -> tuple[tuple[str, ...], ...]:
        """Names between brackets."""
        self.expect("(")
        found = [self.name()]
        while self.takes(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def text(self) -> str:
        if self.is_done or self._words[self._at].kind != "text":
            raise self.wrong("expected a text")
        self._at += 1
        return _unquoted(self._words[self._at - 1].text)

    def number(self) -> int:
        value = self.value()
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong("expected a number")
        return value

    def value(self) -> Value:
        if self.takes("("):
            return self._list()
        if self.is_done:
            raise self.wrong("expected a value")
        word = self._words[self._at]
        if word.kind == "text":
            return self.text()
        if word.kind == "number":
            self._at += 1
            return float(word.text) if "." in word.text else int(word.text)
        if word.kind == "word" and word.folded in ("TRUE", "FALSE"):
            self._at += 1
            return word.folded == "TRUE"
        return ".".join(self.name())

    def _list(self) -> list[Value]:
        found: list[Value] = []
        while not self.takes(")"):
            found.append(self.value())
            self.takes(",")
        return found

    def properties(self, *ends: str) -> dict[str, Value]:
        """NAME = value pairs, up to the end or one of these words."""
        found = {}
        while not self.is_done and not any(self.reads(end) for end in ends):
            name = self.word()
            self.expect("=")
            found[name] = self.value()
            self.takes(",")
        return found

    def rest(self) -> str:
        """All that is left, as it is written."""
        if self.is_done:
            return ""
        start = self._words[self._at].start
        last = self._words[-1]
        self._at = len(self._words)
        return self._statement[start : last.start + len(last.text)]

    def end(self) -> None:
        if not self.is_done:
            raise self.wrong("unexpected")

    def wrong(self, why: str) -> ProgrammingError:
        at = f"at '{self._words[self._at].text}'" if not self.is_done else "at the end"
        return ProgrammingError(
            msg=f"SQL compilation error: syntax error {at} of {self._statement[:80]!r}: {why}",
            errno=1003,
            sqlstate="42000",
        )


def _unquoted(text: str) -> str:
    if text.startswith("$$"):
        return text[2:-2]
    return re.sub(r"\\(.)|''", lambda match: match[1] or "'", text[1:-1])
