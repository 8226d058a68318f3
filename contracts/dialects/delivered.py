"""Types that a file may deliver: Spark type names, grouped into families that have the same cast rules.

An instant (Spark's timestamp, Parquet's "adjusted to UTC") is a different family from a timestamp without a zone: only the
latter determines a calendar day by itself.

Some names are ours, for Parquet types that Spark 3.5 does not read as what they are: timestamp_nanos and
timestamp_nanos_utc (read as bigint, with spark.sql.legacy.parquet.nanosAsLong), void (a column of nulls only), time and
unknown (none of them is read at all), and float16, whose mere presence in a file makes Spark's Parquet reader fail on
the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TIMESTAMP_NANOS = "timestamp_nanos"
TIMESTAMP_NANOS_UTC = "timestamp_nanos_utc"
VOID = "void"
TIME = "time"
UNKNOWN = "unknown"
FLOAT16 = "float16"

_FAMILIES = {
    "string": "text",
    "tinyint": "whole",
    "smallint": "whole",
    "int": "whole",
    "bigint": "whole",
    "float": "floating",
    "double": "floating",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "instant",
    "timestamp_ntz": "timestamp",
    TIMESTAMP_NANOS: "nanos",
    TIMESTAMP_NANOS_UTC: "instant_nanos",
    VOID: "void",
    TIME: "time",
    "binary": "binary",
}
_QUOTED = re.compile("`[^`]*`")
_PARAMETRISED = {"decimal": "decimal", "array": "nested", "struct": "nested", "map": "nested"}
_NOT_READ = re.compile(rf"\b({VOID}|{TIME}|{UNKNOWN}|{FLOAT16})\b|.<.*\b{TIMESTAMP_NANOS}(_utc)?\b")


def family(type_name: str) -> str:
    """The family of a Spark type name, or `other` if no rule covers it."""
    name = type_name.strip().lower()
    return _FAMILIES.get(name) or _PARAMETRISED.get(name.split("(")[0].split("<")[0], "other")


def readable(delivered: Mapping[str, str]) -> dict[str, str]:
    """The columns that Spark can read, with the type to read each as."""
    return {
        name: "bigint" if type_name in (TIMESTAMP_NANOS, TIMESTAMP_NANOS_UTC) else type_name
        for name, type_name in delivered.items()
        if not _NOT_READ.search(_QUOTED.sub("", type_name))
    }
