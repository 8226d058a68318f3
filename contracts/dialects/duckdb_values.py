"""Casts of text in DuckDB SQL: one expression per kind, null if the value is invalid.

DuckDB's casts are as lenient as Spark's, though differently, so the text is first checked against the same patterns.
"""

from __future__ import annotations

from collections.abc import Collection

from contracts.dialects import duckdb_json
from contracts.language.dataset import ContractError
from contracts.language.kinds import MONEY, TEXT_KINDS, exact_size
from contracts.language.nested import element_of, fields_of
from contracts.language.written import (
    DATE_PATTERN,
    FALSE_WORDS,
    FIRST_DAY,
    INSTANT_PATTERN,
    LAST_DAY,
    LOCAL_PATTERN,
    MIDNIGHT,
    NUMBER_PATTERN,
    TIME_PATTERN,
    TRUE_WORDS,
    WHITE_SPACE,
    WHOLE_PATTERN,
    exact_pattern,
)

_TYPES = {
    **dict.fromkeys(sorted(TEXT_KINDS), "VARCHAR"),
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",  # in UTC
    "local_timestamp": "TIMESTAMP",
    "json": "VARCHAR",
}
# Non-ASCII letters whose upper case is several letters, or ASCII: DuckDB maps each letter to a single one.
_CAPITALS = {"ß": "SS", "ﬀ": "FF", "ﬁ": "FI", "ﬂ": "FL", "ﬃ": "FFI", "ﬄ": "FFL", "ﬅ": "ST", "ﬆ": "ST"}
_LONGEST_OFFSET_MINUTES = 18 * 60


def duckdb_type(kind: str) -> str:
    if (element := element_of(kind)) is not None:
        return f"{duckdb_type(element)}[]"
    if fields := fields_of(kind):
        members = (f"{name(field)} {duckdb_type(inside)}" for field, inside in fields.items())
        return f"STRUCT({', '.join(members)})"
    size = MONEY if kind == "decimal" else exact_size(kind)
    return f"DECIMAL({size.precision}, {size.scale})" if size else _TYPES[kind]


def literal(text: str) -> str:
    """A string literal. NUL cannot be part of a literal, so it is written as chr(0)."""
    parts = ("'" + part.replace("'", "''") + "'" for part in text.split("\0"))
    return "(" + " || chr(0) || ".join(parts) + ")" if "\0" in text else next(parts)


def name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def value(kind: str, text: str) -> str:
    """An expression for the typed value of a trimmed text, null if it is invalid."""
    match kind:
        case "code":
            return f"upper({_with_capitals(text)})"
        case "channel":
            return f"translate(lower(replace({text}, 'İ', 'i̇')), ' -', '__')"
        case "identifier" | "text":
            return text
        case "integer":
            return _written(
                text, WHOLE_PATTERN, f"TRY_CAST(ltrim(split_part({text}, '.', 1), '+') AS BIGINT)"
            )
        case "decimal":
            return _written(text, NUMBER_PATTERN, f"TRY_CAST({text} AS {duckdb_type(kind)})")
        case "number":
            number = f"TRY_CAST({text} AS DOUBLE)"
            return _written(text, NUMBER_PATTERN, f"CASE WHEN isfinite({number}) THEN {number} + 0.0 END")
        case "boolean":
            is_true, is_false = (f"lower({text}) IN {listed(words)}" for words in (TRUE_WORDS, FALSE_WORDS))
            return f"CASE WHEN {is_true} THEN true WHEN {is_false} THEN false END"
        case "date":
            return _written(text, DATE_PATTERN, f"TRY_CAST({text} AS DATE)")
        case "time":
            filled = f"left({text}, {len(MIDNIGHT)}) || substr('{MIDNIGHT}', length({text}) + 1)"
            return _written(text, TIME_PATTERN, f"CAST({filled} AS TIME)")
        case "timestamp":
            return _written(text, INSTANT_PATTERN, _instant(text))
        case "local_timestamp":
            return _written(text, LOCAL_PATTERN, _instant(text))
        case "json":
            return f"CASE WHEN {duckdb_json.is_document(text)} THEN {text} END"
        case _ if size := exact_size(kind):
            return _written(text, exact_pattern(size.scale), f"TRY_CAST({text} AS {duckdb_type(kind)})")
    raise ContractError(f"kind {kind!r} cannot be written as DuckDB's SQL")


def trimmed(column: str) -> str:
    """The text without white space around it, null if nothing is left.

    DuckDB's trim of so many characters is slow: text that begins and ends with a visible ASCII character is left alone.
    """
    is_bare = f"{column} >= '!' AND {column} < chr(127) AND {column}[-1] BETWEEN '!' AND '~'"
    return f"CASE WHEN {is_bare} THEN {column} ELSE nullif(trim({column}, {literal(WHITE_SPACE)}), '') END"


def listed(values: Collection[str | int]) -> str:
    return "(" + ", ".join(literal(v) if isinstance(v, str) else str(v) for v in values) + ")"


def _written(text: str, pattern: str, cast: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) THEN {cast} END"


def _with_capitals(text: str) -> str:
    replaced = text
    for letter, capitals in _CAPITALS.items():
        replaced = f"replace({replaced}, '{letter}', '{capitals}')"
    return f"CASE WHEN regexp_full_match({text}, '[ -~]*') THEN {text} ELSE {replaced} END"


def _instant(text: str) -> str:
    """In UTC, to the microsecond. The offset is computed here, because DuckDB's own cast needs an extension.

    Most texts have neither a fraction nor an offset. They have a case of their own, which takes half the time, and need no
    look at the first and last day: the pattern has no other years.
    """
    clock = f"TRY_CAST(left({text}, 10) || ' ' || substr({text}, 12, 8) AS TIMESTAMP)"
    fraction = f"regexp_extract({text}, '[.]([0-9]+)', 1)"
    micros = f"to_microseconds(CAST('0' || left(rpad({fraction}, 6, '0'), 6) AS BIGINT))"
    hours, minutes = (
        f"CAST('0' || regexp_extract({text}, '[+-]([0-9]{{2}}):([0-9]{{2}})$', {group}) AS INTEGER)"
        for group in (1, 2)
    )
    zone = f"regexp_matches(substr({text}, 20), '[+-]')"
    sign = f"CASE WHEN contains(substr({text}, 20), '-') THEN -1 ELSE 1 END"
    offset = f"CASE WHEN {zone} THEN {sign} * ({hours} * 60 + {minutes}) ELSE 0 END"
    is_clock = (
        f"substr({text}, 12, 2) < '24' AND substr({text}, 15, 2) < '60' AND substr({text}, 18, 2) < '60'"
    )
    is_zone = f"NOT {zone} OR ({minutes} < 60 AND {hours} * 60 + {minutes} <= {_LONGEST_OFFSET_MINUTES})"
    instant = f"{clock} + {micros} - to_minutes({offset})"
    between = f"BETWEEN TIMESTAMP '{FIRST_DAY} 00:00:00' AND TIMESTAMP '{LAST_DAY} 23:59:59.999999'"
    return (
        f"CASE WHEN length({text}) = 19 THEN CASE WHEN {is_clock} THEN TRY_CAST({text} AS TIMESTAMP) END "
        f"WHEN {is_clock} AND ({is_zone}) AND {instant} {between} THEN {instant} END"
    )
