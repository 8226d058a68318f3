"""A check in DuckDB SQL that a text is a JSON document which every engine reads alike: as in spark_json.

DuckDB's parser is strict except for NaN, infinities and a comma after the last value.
"""

from __future__ import annotations

from contracts.language.kinds import MAX_JSON_DEPTH

_STRING = r'"(?:[^"\\]|\\.)*"'


def is_document(text: str) -> str:
    """An expression that is true if the text is an object or array, without repeated keys and not nested too deep.

    Nested CASEs, because DuckDB may evaluate the parts of an AND in any order, and the later ones need valid JSON.
    """
    return (
        f"CASE WHEN left({text}, 1) IN ('{{', '[') AND json_valid({text}) "
        f"THEN CASE WHEN {_is_strict(text)} THEN {_has_unique_keys(text)} END END"
    )


def _is_strict(text: str) -> str:
    bare = f"regexp_replace({text}, '{_STRING}', '\"\"', 'gs')"
    brackets = f"regexp_replace({bare}, '[^][{{}}]', '', 'g')"
    nested = ""
    for _ in range(MAX_JSON_DEPTH):
        nested = rf"(?:[\[{{]{nested}[\]}}])*"
    return (
        rf"NOT regexp_matches({bare}, '(?i)nan|inf|,\s*[]}}]') AND regexp_full_match({brackets}, '{nested}')"
    )


def _has_unique_keys(text: str) -> str:
    objects = (
        f"list_filter(list_prepend({text}, json_extract({text}, '$..*')), lambda part: left(part, 1) = '{{')"
    )
    repeated = "len(json_keys(part)) <> len(list_distinct(json_keys(part)))"
    return f"len(list_filter({objects}, lambda part: {repeated})) = 0"
