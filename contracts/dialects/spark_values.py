"""Casts in Spark SQL: one expression per kind and delivered family, null if the value is invalid.

Spark's own casts are too lenient (they accept "5d", "NaN", "2025-1-5" and Arabic digits) and too strict ("5.0" is not a
bigint), so text is first checked against patterns, which tests.contracts.values uses too.
"""

from __future__ import annotations

from contracts.dialects.spark_json import is_document
from contracts.dialects.spark_literals import literal
from contracts.dialects.spark_types import spark_type_of
from contracts.language.kinds import KINDS, TEXT_KINDS, Size, exact_size
from contracts.language.written import (
    DATE_PATTERN,
    EXACT_DOUBLES,
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

NANOS = {"nanos": "timestamp", "instant_nanos": "instant"}
WHOLE_LIMIT = "9223372036854775807D"
TEXT_DECIMAL = "decimal(38,6)"

_WHITE_SPACE_LITERAL = "'" + "".join(f"\\u{ord(char):04x}" for char in WHITE_SPACE) + "'"


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
        return f"CAST(NULL AS {spark_type_of(kind)})"
    if kind in TEXT_KINDS:
        return _spelled(kind, column if family == "text" else _written(family, column))
    if family in NANOS:
        family, column = NANOS[family], instant_of_nanos(column)
    size = exact_size(kind)
    return _exactly(size, family, column) if size else _VALUES[kind, family].format(c=column)


def written(kind: str, typed: str) -> str:
    """A valid value as text that reads back as the same. Spark would write a small decimal with an exponent."""
    size = exact_size(kind)
    return f"format_number({typed}, '0.{'#' * size.scale}')" if size else f"CAST({typed} AS string)"


def castable(kind: str) -> frozenset[str]:
    """The families in which a file can deliver values of the kind."""
    return _CASTABLE["decimal" if exact_size(kind) else kind]


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


def _exactly(size: Size, family: str, column: str) -> str:
    """A decimal that the value equals. A double is the decimal that reads back as the same double: 0.1 is a tenth."""
    cast = f"try_cast({column} AS decimal({size.precision},{size.scale}))"
    match family:
        case "text":
            return f"CASE WHEN {column} RLIKE {literal(exact_pattern(size.scale))} THEN {cast} END"
        case "floating":
            is_same = f"CAST({cast} AS double) = CAST({column} AS double)"
            return f"CASE WHEN abs({column}) <= {EXACT_DOUBLES}D AND {is_same} THEN {cast} END"
        case _:
            return f"CASE WHEN {cast} = {column} THEN {cast} END"


_BETWEEN_DAYS = f"BETWEEN DATE'{FIRST_DAY}' AND DATE'{LAST_DAY}'"
_BETWEEN_INSTANTS = f"BETWEEN TIMESTAMP'{FIRST_DAY} 00:00:00Z' AND TIMESTAMP'{LAST_DAY} 23:59:59.999999Z'"
_BETWEEN_CLOCKS = f"BETWEEN TIMESTAMP_NTZ'{FIRST_DAY} 00:00:00' AND TIMESTAMP_NTZ'{LAST_DAY} 23:59:59.999999'"
_MONEY = spark_type_of("decimal")
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
    # HH:MM, HH:MM:SS or more, cut off or filled up to the microsecond.
    ("time", "text"): _plain(
        f"CASE WHEN {{c}} RLIKE '{TIME_PATTERN}' "
        f"THEN concat(left({{c}}, {len(MIDNIGHT)}), substr('{MIDNIGHT}', char_length({{c}}) + 1)) END"
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
    ("local_timestamp", "text"): _plain(
        f"CASE WHEN {{c}} RLIKE '{LOCAL_PATTERN}' AND try_cast({{c}} AS timestamp_ntz) {_BETWEEN_CLOCKS} "
        "THEN try_cast({c} AS timestamp_ntz) END"
    ),
    ("local_timestamp", "date"): f"CASE WHEN {{c}} {_BETWEEN_DAYS} THEN CAST({{c}} AS timestamp_ntz) END",
    ("local_timestamp", "timestamp"): (
        f"CASE WHEN CAST({{c}} AS timestamp_ntz) {_BETWEEN_CLOCKS} THEN CAST({{c}} AS timestamp_ntz) END"
    ),
    ("json", "text"): f"CASE WHEN {_plain(is_document('{c}'))} THEN {{c}} END",
}

_CASTABLE: dict[str, frozenset[str]] = {
    kind: frozenset(
        {"void"}
        | {family for cast, family in _VALUES if cast == kind}
        | ({"text", "whole", "decimal", "floating"} if kind in TEXT_KINDS else set())
        | {nanos for nanos, family in NANOS.items() if (kind, family) in _VALUES}
    )
    for kind in KINDS
}
