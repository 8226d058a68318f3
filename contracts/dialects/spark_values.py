"""Casts in Spark SQL: one expression per kind and delivered family, null if the value is invalid.

Spark's own casts are too lenient (they accept "5d", "NaN", "2025-1-5" and Arabic digits) and too strict ("5.0" is not a
bigint), so text is first checked against patterns, which tests.contracts.values uses too.
"""

from __future__ import annotations

from contracts.dialects.spark_types import SPARK_TYPES, TEXT_KINDS
from contracts.language.written import (
    DATE_PATTERN,
    EXACT_DOUBLES,
    FALSE_WORDS,
    FIRST_DAY,
    INSTANT_PATTERN,
    LAST_DAY,
    NUMBER_PATTERN,
    TRUE_WORDS,
    WHITE_SPACE,
    WHOLE_PATTERN,
)

NANOS = {"nanos": "timestamp", "instant_nanos": "instant"}
WHOLE_LIMIT = "9223372036854775807D"
TEXT_DECIMAL = "decimal(38,6)"

_WHITE_SPACE_LITERAL = "'" + "".join(f"\\u{ord(char):04x}" for char in WHITE_SPACE) + "'"


def literal(text: str) -> str:
    """A Spark SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def name(column: str) -> str:
    """A quoted Spark SQL identifier, for any column name that a file may have."""
    return "`" + column.replace("`", "``") + "`"


def trimmed(column: str) -> str:
    """Trimmed text, null if blank.

    Most values need no trimming, and checking that costs a tenth of trimming. The last byte is read from the binary value,
    because for text Spark would first count the characters.
    """
    last = f"substr(CAST({column} AS binary), -1)"
    clean = f"{column} >= '!' AND {column} < '\\u007f' AND {last} >= X'21' AND {last} <= X'7E'"
    return f"CASE WHEN {clean} THEN {column} ELSE nullif(btrim({column}, {_WHITE_SPACE_LITERAL}), '') END"


def value(kind: str, family: str, column: str) -> str:
    """An expression for the typed value of a column delivered in this family. Text must already be trimmed."""
    if family == "void":
        return f"CAST(NULL AS {SPARK_TYPES[kind]})"
    if kind in TEXT_KINDS:
        return _spelled(kind, column if family == "text" else _written(family, column))
    if family in NANOS:
        family, column = NANOS[family], instant_of_nanos(column)
    return _VALUES[kind, family].format(c=column)


def instant_of_nanos(column: str) -> str:
    """Rounded down to the microsecond; DIV alone would round instants before 1970 up."""
    return f"timestamp_micros(({column} - pmod({column}, 1000)) DIV 1000)"


def _spelled(kind: str, text: str) -> str:
    if kind == "code":
        return f"upper({text})"
    if kind == "channel":
        return f"translate(lower({text}), ' -', '__')"
    return text


def _written(family: str, column: str) -> str:
    """A number as text. pandas turns an integer column with nulls into doubles, and 1001.0 must become "1001"."""
    if family == "whole":
        return f"CAST({column} AS string)"
    exact = f"try_cast({column} AS {TEXT_DECIMAL})"
    written = (
        f"CASE WHEN {exact} % 1 = 0 THEN CAST(CAST({exact} AS decimal(38,0)) AS string) "
        f"ELSE trim(TRAILING '0' FROM CAST({exact} AS string)) END"
    )
    return (
        f"CASE WHEN abs({column}) <= {EXACT_DOUBLES}D THEN {written} END" if family == "floating" else written
    )


def _one_of(words: tuple[str, ...]) -> str:
    return ", ".join(literal(word) for word in words)


_BETWEEN_DAYS = f"BETWEEN DATE'{FIRST_DAY}' AND DATE'{LAST_DAY}'"
_BETWEEN_INSTANTS = f"BETWEEN TIMESTAMP'{FIRST_DAY} 00:00:00Z' AND TIMESTAMP'{LAST_DAY} 23:59:59.999999Z'"
_MONEY = SPARK_TYPES["decimal"]
_FLAG = "CASE WHEN {c} = 1 THEN true WHEN {c} = 0 THEN false END"


def _plain(template: str) -> str:
    """Escape the braces of a regular expression for str.format."""
    return template.replace("{", "{{").replace("}", "}}").replace("{{c}}", "{c}")


_VALUES: dict[tuple[str, str], str] = {
    ("integer", "text"): _plain(
        # Not try_cast: it throws internally for every value it rejects, such as "5.0", which is ten times slower.
        f"CASE WHEN instr({{c}}, '.') = 0 OR {{c}} RLIKE '{WHOLE_PATTERN}' THEN CAST({{c}} AS bigint) END"
    ),
    ("integer", "whole"): "CAST({c} AS bigint)",
    ("integer", "decimal"): "CASE WHEN {c} % 1 = 0 THEN try_cast({c} AS bigint) END",
    ("integer", "floating"): (
        f"CASE WHEN {{c}} = rint({{c}}) AND abs({{c}}) < {WHOLE_LIMIT} THEN CAST({{c}} AS bigint) END"
    ),
    ("decimal", "text"): _plain(
        f"CASE WHEN {{c}} RLIKE '{NUMBER_PATTERN}' THEN try_cast({{c}} AS {_MONEY}) END"
    ),
    ("decimal", "whole"): f"try_cast({{c}} AS {_MONEY})",
    ("decimal", "decimal"): f"try_cast({{c}} AS {_MONEY})",
    ("decimal", "floating"): f"try_cast({{c}} AS {_MONEY})",
    ("number", "text"): _plain(
        f"nullif(nullif(CASE WHEN {{c}} RLIKE '{NUMBER_PATTERN}' THEN try_cast({{c}} AS double) END + 0D, "
        "double('Infinity')), double('-Infinity'))"
    ),
    ("number", "whole"): "CAST({c} AS double)",
    ("number", "decimal"): "CAST({c} AS double)",
    ("number", "floating"): "CASE WHEN abs({c}) < double('Infinity') THEN CAST({c} AS double) + 0D END",
    ("boolean", "text"): (
        f"CASE WHEN lower({{c}}) IN ({_one_of(TRUE_WORDS)}) THEN true "
        f"WHEN lower({{c}}) IN ({_one_of(FALSE_WORDS)}) THEN false END"
    ),
    ("boolean", "boolean"): "{c}",
    ("boolean", "whole"): _FLAG,
    ("boolean", "decimal"): _FLAG,
    ("boolean", "floating"): _FLAG,
    ("date", "text"): _plain(f"CASE WHEN {{c}} RLIKE '{DATE_PATTERN}' THEN try_cast({{c}} AS date) END"),
    ("date", "date"): f"CASE WHEN {{c}} {_BETWEEN_DAYS} THEN {{c}} END",
    ("date", "timestamp"): f"CASE WHEN CAST({{c}} AS date) {_BETWEEN_DAYS} THEN CAST({{c}} AS date) END",
    # An instant may be on different days in India and London, so only midnight UTC is accepted as a date.
    ("date", "instant"): (
        f"CASE WHEN {{c}} = date_trunc('DAY', {{c}}) AND CAST({{c}} AS date) {_BETWEEN_DAYS} "
        "THEN CAST({c} AS date) END"
    ),
    ("timestamp", "text"): _plain(
        f"CASE WHEN {{c}} RLIKE '{INSTANT_PATTERN}' AND try_cast({{c}} AS timestamp) {_BETWEEN_INSTANTS} "
        "THEN try_cast({c} AS timestamp) END"
    ),
    ("timestamp", "date"): f"CASE WHEN {{c}} {_BETWEEN_DAYS} THEN CAST({{c}} AS timestamp) END",
    **{
        (
            "timestamp",
            at,
        ): f"CASE WHEN CAST({{c}} AS timestamp) {_BETWEEN_INSTANTS} THEN CAST({{c}} AS timestamp) END"
        for at in ("timestamp", "instant")
    },
}

CASTABLE: frozenset[tuple[str, str]] = (
    frozenset(_VALUES)
    | {(kind, family) for kind in TEXT_KINDS for family in ("text", "whole", "decimal", "floating")}
    | {(kind, nanos) for kind in ("date", "timestamp") for nanos in NANOS}
    | {(kind, "void") for kind in SPARK_TYPES}
)
