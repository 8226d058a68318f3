"""A check in Spark SQL that a text is a JSON document which every engine reads alike."""

from __future__ import annotations

from contracts.dialects.spark_literals import literal
from contracts.language.kinds import MAX_JSON_DEPTH

_STRICT = "map('allowSingleQuotes', 'false', 'allowNonNumericNumbers', 'false')"
# Possessive (*+, ++), so that Java neither backtracks nor recurses per character.
_STRING = r'"((?:[^"\\]++|\\.)*+)"'
_HEX = "[0-9a-fA-F]"
# Half a surrogate pair is valid JSON and not a character: DuckDB refuses it, Spark and Python accept it.
_WHOLE_CHARACTERS = (
    rf"^(?:[^\\]++|\\[^u]|\\u(?:[0-9a-cA-CefEF]{_HEX}{{3}}|[dD][0-7]{_HEX}{{2}}"
    rf"|[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}}))*+$"
)


def is_document(text: str) -> str:
    """An expression that is true if the text is an object or array, without repeated keys and not nested too deep."""
    return (
        f"left({text}, 1) IN ('{{', '[') AND {text} RLIKE {literal(_WHOLE_CHARACTERS)} "
        f"AND {_is_one_value(text)} AND {_has_unique_keys(text)}"
    )


def _is_one_value(text: str) -> str:
    """Spark's parser stops after the first value. So the text is put into an array, before a value that it cannot hold."""
    mark = f"xxhash64({text})"
    values = f"from_json(concat('[', {text}, ',', {mark}, ']'), 'array<string>', {_STRICT})"
    return f"element_at({values}, 2) = CAST({mark} AS string)"


def _has_unique_keys(text: str) -> str:
    """Checks one level of nesting after the other, until there is nothing inside.

    Spark takes the quotes off a string, so each string gets a mark first: else one that holds JSON would be taken for it.
    """
    marked = f"regexp_replace({text}, {literal(_STRING)}, '\"~$1\"')"
    keys = "map_keys({})".format(_members("inner"))
    is_repeated = f"size({keys}) <> size(array_distinct({keys}))"
    inside = (
        f"CASE WHEN left(inner, 1) = '{{' THEN map_values({_members('inner')}) "
        f"ELSE from_json(inner, 'array<string>', {_STRICT}) END"
    )
    next_level = (
        f"filter(flatten(transform(at.level, inner -> {inside})), inner -> left(inner, 1) IN ('{{', '['))"
    )
    return (
        f"aggregate(sequence(1, {MAX_JSON_DEPTH}), named_struct('level', array({marked}), 'is_unique', true), "
        f"(at, depth) -> named_struct('level', {next_level}, "
        f"'is_unique', at.is_unique AND NOT exists(at.level, inner -> left(inner, 1) = '{{' AND {is_repeated})), "
        "at -> at.is_unique AND size(at.level) = 0)"
    )


def _members(document: str) -> str:
    return f"from_json({document}, 'map<string,string>', {_STRICT})"
