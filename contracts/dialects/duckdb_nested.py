"""Arrays and structs in DuckDB SQL, from JSON text: as in spark_nested."""

from __future__ import annotations

from collections.abc import Mapping

from contracts.dialects.duckdb_values import literal, trimmed
from contracts.dialects.duckdb_values import value as plain_value
from contracts.language.flat_json import FlatJson
from contracts.language.nested import element_of, fields_of

_JSON = FlatJson()


def value(kind: str, text: str) -> str:
    """An expression for the array or struct in a trimmed text, null if it is invalid."""
    element = element_of(kind)
    if element is not None:
        return f"CASE WHEN {_matches(text, _JSON.array)} THEN {_array(element, text)} END"
    return f"CASE WHEN {_matches(text, _JSON.object)} THEN {_struct(fields_of(kind), text)} END"


def _array(element: str, text: str) -> str:
    cast = plain_value(element, "x")
    judged = (
        f"list_transform(list_transform({_scalars(text)}, lambda x: {trimmed('x')}), "
        f"lambda x: {{'is_invalid': x IS NOT NULL AND {cast} IS NULL, 'value': {cast}}})"
    )
    is_valid = "len(list_filter(elements, lambda x: x.is_invalid)) = 0"
    return _let(
        judged, "elements", f"CASE WHEN {is_valid} THEN list_transform(elements, lambda x: x.value) END"
    )


def _struct(fields: Mapping[str, str], text: str) -> str:
    keys = "list_filter(scalars, lambda x, place: place % 2 = 1)"
    values = f"list_transform(list_filter(scalars, lambda x, place: place % 2 = 0), lambda x: {trimmed('x')})"
    known = ", ".join(literal(field) for field in fields)
    is_known = (
        "len(members.keys) = len(list_distinct(members.keys)) "
        f"AND len(list_filter(members.keys, lambda x: x NOT IN ({known}))) = 0"
    )
    found = _record(
        {
            field: f"list_extract(members.values, list_position(members.keys, {literal(field)}))"
            for field in fields
        }
    )
    casts = _record({field: plain_value(kind, _of("found", field)) for field, kind in fields.items()})
    invalid = " OR ".join(
        f"({_of('found', field)} IS NOT NULL AND {_of('typed', field)} IS NULL)" for field in fields
    )
    typed = _let(found, "found", _let(casts, "typed", f"CASE WHEN NOT ({invalid}) THEN typed END"))
    members = f"{{'keys': {keys}, 'values': {values}}}"
    checked = f"CASE WHEN {is_known} THEN {typed} END"
    return _let(_scalars(text), "scalars", _let(members, "members", checked))


def _scalars(text: str) -> str:
    """All strings, numbers and words of the JSON in order, as texts."""
    return (
        f"list_transform(regexp_extract_all({text}, {literal(_JSON.scalar)}), "
        "lambda x: CASE WHEN x = 'null' THEN NULL WHEN left(x, 1) = '\"' THEN x ->> '$' ELSE x END)"
    )


def _matches(text: str, pattern: str) -> str:
    return f"regexp_full_match({text}, {literal(pattern)})"


def _record(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{literal(field)}: {at}" for field, at in fields.items()) + "}"


def _of(record: str, field: str) -> str:
    return f"{record}[{literal(field)}]"


def _let(expression: str, variable: str, body: str) -> str:
    """The body with a name for the expression, which is then computed once."""
    return f"list_transform([{expression}], lambda {variable}: {body})[1]"
