"""Arrays and structs in Spark SQL: each element or field is cast as a column of its kind and type would be."""

from __future__ import annotations

import re
from collections.abc import Mapping

from contracts.dialects.delivered import family, readable
from contracts.dialects.spark_literals import literal, name
from contracts.dialects.spark_values import castable, trimmed, written
from contracts.dialects.spark_values import value as plain_value
from contracts.language.flat_json import FlatJson
from contracts.language.kinds import TEXT_KINDS
from contracts.language.nested import element_of, fields_of, is_nested, split

_JSON = FlatJson(is_possessive=True)
_TEXT = "string"
_FIELD = re.compile("`((?:[^`]|``)*)`:(.+)")


def can_cast(kind: str, type_name: str) -> bool:
    """Whether some values of a column of this type can become values of the kind."""
    if family(type_name) != "nested":
        return family(type_name) in ({"text", "void"} if is_nested(kind) else castable(kind))
    if not readable({"column": type_name}):
        return False
    element, fields = element_of(kind), fields_of(kind)
    if element is not None:
        inside = _element_type(type_name)
        return inside is not None and family(inside) in castable(element)
    delivered = _field_types(type_name)
    return bool(delivered) and all(
        field in fields and family(inside) in castable(fields[field]) for field, inside in delivered.items()
    )


def value(kind: str, type_name: str, column: str) -> str:
    """An expression for the array or struct in a column of this type; text must already be trimmed."""
    is_text = family(type_name) == "text"
    element, fields = element_of(kind), fields_of(kind)
    if element is not None:
        given = _array_of_text(column) if is_text else column
        return _array(element, given, _TEXT if is_text else _element_type(type_name) or _TEXT)
    if is_text:
        return _struct(fields, _struct_of_text(fields, column), dict.fromkeys(fields, _TEXT))
    return _struct(fields, column, _field_types(type_name))


def as_json(kind: str, typed: str) -> str:
    """A valid array or struct as JSON that reads back as the same."""
    element = element_of(kind)
    if element is not None:
        return f"to_json(transform({typed}, x -> {_as_text(element, 'x')}))"
    fields = ", ".join(
        f"{literal(field)}, {_as_text(inside, f'{typed}.{name(field)}')}"
        for field, inside in fields_of(kind).items()
    )
    return f"CASE WHEN {typed} IS NOT NULL THEN to_json(named_struct({fields})) END"


def _as_text(kind: str, at: str) -> str:
    return at if kind in TEXT_KINDS else written(kind, at)


def _element_type(type_name: str) -> str | None:
    return type_name[6:-1] if type_name.startswith("array<") else None


def _field_types(type_name: str) -> dict[str, str]:
    """The type of each field of a struct, as `drift.spark_type` writes it; empty for every other type."""
    if not type_name.startswith("struct<"):
        return {}
    fields = [_FIELD.fullmatch(member) for member in split(type_name[7:-1])]
    return {field[1].replace("``", "`"): field[2] for field in fields if field}


def _array(element: str, given: str, type_name: str) -> str:
    present = trimmed("x") if family(type_name) == "text" else "x"
    cast = plain_value(element, family(type_name), "x")
    judged = (
        f"transform(transform({given}, x -> {present}), "
        f"x -> named_struct('is_invalid', x IS NOT NULL AND {cast} IS NULL, 'value', {cast}))"
    )
    return _let(
        judged,
        "elements",
        "CASE WHEN NOT exists(elements, x -> x.is_invalid) THEN transform(elements, x -> x.value) END",
    )


def _struct(fields: Mapping[str, str], given: str, types: Mapping[str, str]) -> str:
    present, casts = {}, {}
    for field, kind in fields.items():
        delivered = family(types.get(field, "void"))
        at = f"record.{name(field)}" if field in types else "NULL"
        present[field] = trimmed(at) if delivered == "text" else at
        casts[field] = plain_value(kind, delivered, f"clean.{name(field)}")
    invalid = " OR ".join(
        f"(clean.{name(field)} IS NOT NULL AND typed.{name(field)} IS NULL)" for field in fields
    )
    return _let(
        given,
        "record",
        _let(
            _named_struct(present),
            "clean",
            _let(
                _named_struct(casts),
                "typed",
                f"CASE WHEN record IS NOT NULL AND NOT ({invalid}) THEN typed END",
            ),
        ),
    )


def _array_of_text(text: str) -> str:
    """The elements of a JSON array as texts; null if it is none, or if it is nested."""
    return f"CASE WHEN {text} RLIKE {literal(_JSON.array)} THEN {_scalars(text)} END"


def _struct_of_text(fields: Mapping[str, str], text: str) -> str:
    """The fields of a JSON object as texts; null if it is none, nested, or has a repeated or an unknown key."""
    keys, values = (f"filter(scalars, (x, place) -> place % 2 = {rest})" for rest in (0, 1))
    known = ", ".join(literal(field) for field in fields)
    found = _named_struct(
        {
            field: f"get(members.values, CAST(array_position(members.keys, {literal(field)}) - 1 AS int))"
            for field in fields
        }
    )
    checked = (
        "CASE WHEN size(members.keys) = size(array_distinct(members.keys)) "
        f"AND forall(members.keys, x -> x IN ({known})) THEN {found} END"
    )
    members = f"named_struct('keys', {keys}, 'values', {values})"
    record = _let(_scalars(text), "scalars", _let(members, "members", checked))
    return f"CASE WHEN {text} RLIKE {literal(_JSON.object)} THEN {record} END"


def _scalars(text: str) -> str:
    """All strings, numbers and words of the JSON in order, as texts."""
    unquoted = "get(from_json(concat('[', x, ']'), 'array<string>'), 0)"
    return (
        f"transform(regexp_extract_all({text}, {literal(_JSON.scalar)}, 0), "
        f"x -> CASE WHEN x = 'null' THEN NULL WHEN left(x, 1) = '\"' THEN {unquoted} ELSE x END)"
    )


def _named_struct(fields: Mapping[str, str]) -> str:
    return f"named_struct({', '.join(f'{literal(field)}, {at}' for field, at in fields.items())})"


def _let(expression: str, variable: str, body: str) -> str:
    """The body with a name for the expression, which is then computed once."""
    return f"element_at(transform(array({expression}), {variable} -> {body}), 1)"
