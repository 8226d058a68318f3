"""JSON arrays and objects of scalars as regular expressions: a number keeps the digits that it was written with.

Engines' own parsers make a double of it. Java needs possessive quantifiers, because it recurses for each repetition that it
could take back; RE2, DuckDB's engine, has none and needs none.
"""

from __future__ import annotations

from dataclasses import dataclass

_HEX = "[0-9a-fA-F]"
# Half a surrogate pair is no character.
_UNIT = (
    rf"(?:[0-9a-cA-CefEF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}}|[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"
)


@dataclass(frozen=True)
class FlatJson:
    is_possessive: bool = False

    @property
    def scalar(self) -> str:
        return f"(?:{self._string}|{self._number}|true|false|null)"

    @property
    def array(self) -> str:
        return self._list(r"\[", self.scalar, r"\]")

    @property
    def object(self) -> str:
        return self._list(r"\{", f"{self._string}{self._blank}:{self._blank}{self.scalar}", r"\}")

    def _list(self, opened: str, member: str, closed: str) -> str:
        members = f"{member}{self._blank}(?:,{self._blank}{member}{self._blank}){self._any}"
        return f"^{opened}{self._blank}(?:{members})?{closed}$"

    @property
    def _any(self) -> str:
        return "*+" if self.is_possessive else "*"

    @property
    def _blank(self) -> str:
        return rf"[ \t\r\n]{self._any}"

    @property
    def _string(self) -> str:
        return rf'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u{_UNIT}){self._any}"'

    @property
    def _number(self) -> str:
        return rf"-?(?:0|[1-9][0-9]{self._any})(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?"
