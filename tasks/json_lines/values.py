"""One JSON object: strictly parsed, as canonical JSON, and as the text of a contract's columns."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from json.encoder import encode_basestring
from typing import Any, NoReturn

from contracts.language.dataset import Column

_BROKEN_BYTE = re.compile("[\udc80-\udcff]")


class Malformed(ValueError):
    """The text is no JSON object that every parser reads alike. The message never repeats what the text says."""


class _Number(str):
    """A number as it was written: no digit is lost, and none is too large."""

    __slots__ = ()


def parsed(text: str) -> dict[str, Any]:
    """The object. This and the functions below raise RecursionError where it is nested too deep."""
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    if not isinstance(value, dict):
        raise Malformed("not an object")
    return value


def canonical(value: Any) -> str:
    """Keys sorted, no blanks, numbers as written: equal content is equal text, whatever its order and spacing."""
    if isinstance(value, dict):
        return (
            "{" + ",".join(f"{encode_basestring(key)}:{canonical(value[key])}" for key in sorted(value)) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, str) and not isinstance(value, _Number):
        return encode_basestring(value)
    return _scalar(value) or "null"


def content_hash(event: dict[str, Any]) -> str:
    """SHA-256 of the canonical JSON in UTF-8."""
    text = canonical(event)
    try:
        return hashlib.sha256(text.encode()).hexdigest()
    except UnicodeEncodeError as error:
        broken = _BROKEN_BYTE.search(text)
        raise Malformed("bytes that are not UTF-8" if broken else "half of a surrogate pair") from error


def texts(event: dict[str, Any], columns: Sequence[Column]) -> list[str | None]:
    """The text of each column. An object or array where a single value belongs is as invalid as any other wrong value: it
    rejects the event if the column is required, and is null otherwise."""
    return [_text(event.get(column.name), column) for column in columns]


def _text(value: Any, column: Column) -> str | None:
    if not isinstance(value, (dict, list)):
        return _scalar(value)
    if column.kind == "json":
        return canonical(value)
    if column.required:
        raise Malformed(f"{column.name}:type")
    return None


def _scalar(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a key twice in one object")
    return found


def _no_json(constant: str) -> NoReturn:
    raise Malformed(f"{constant} is no JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_Number, parse_int=_Number, parse_constant=_no_json
)
