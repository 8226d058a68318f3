"""Kinds made of others: arrays of one kind of elements, and structs of named fields."""

from __future__ import annotations

import re

from contracts.language.kinds import is_kind

NESTED_KINDS = {
    "array(kind)": "values of one kind in their order, such as array(code): an element may be null, and an invalid one "
    "makes the whole array invalid",
    "struct(name kind, ...)": "a record, such as struct(amount decimal(14,2), currency code): a missing field is null, and "
    "an invalid, repeated or unknown one makes the whole struct invalid",
}
"""What is inside is of any kind that is neither nested itself nor json."""

_OPENED, _CLOSED = "(<", ")>"
_FIELD = re.compile(r"([a-z][a-z0-9_]*) (.+)")


def element_of(kind: str) -> str | None:
    """The kind of an array's elements; None if the kind is no array."""
    return kind[6:-1] if kind.startswith("array(") and kind.endswith(")") else None


def fields_of(kind: str) -> dict[str, str]:
    """The kind of each field of a struct, by its name; empty if the kind is no struct."""
    if not (kind.startswith("struct(") and kind.endswith(")")):
        return {}
    fields = [_FIELD.fullmatch(member) for member in split(kind[7:-1])]
    named = {field[1]: field[2] for field in fields if field}
    return named if len(named) == len(fields) else {}


def is_nested(kind: str) -> bool:
    """Whether a known kind is an array or a struct."""
    return element_of(kind) is not None or bool(fields_of(kind))


def is_known(kind: str) -> bool:
    """Whether the kind is one of the language, nested or not."""
    element = element_of(kind)
    inside = [element] if element is not None else list(fields_of(kind).values())
    return all(is_kind(part) and part != "json" for part in inside) if inside else is_kind(kind)


def split(members: str) -> list[str]:
    """The parts of a list, split at the commas that are outside of brackets and backquotes."""
    parts, depth, is_quoted = [""], 0, False
    for char in members:
        is_quoted ^= char == "`"
        depth += 0 if is_quoted else (char in _OPENED) - (char in _CLOSED)
        if char == "," and depth == 0 and not is_quoted:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]
