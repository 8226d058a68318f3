"""Each way of writing a value that has bitten someone, with what it must become, in Python and in Spark."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from contracts.dialects.spark_values import trimmed, value
from contracts.language.written import WHITE_SPACE
from tests.contracts.values import value_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

UTC = dt.UTC
WRITTEN: list[tuple[str, str | None, Any]] = [
    ("code", "  ab-1\t", "AB-1"),
    ("code", "\u00a0\u3000ab\u2028", "AB"),
    ("code", "\x00ab\x85", "AB"),
    ("code", "a b", "A B"),
    ("code", "\u200bab", "\u200bAB"),
    ("code", " \u00a0 ", None),
    ("code", "", None),
    ("code", None, None),
    ("identifier", " Ab 1 ", "Ab 1"),
    ("channel", " Modern Trade", "modern_trade"),
    ("channel", "E-Commerce", "e_commerce"),
    ("channel", "modern  trade", "modern__trade"),
    ("text", " Straße 5 ", "Straße 5"),
    ("integer", "5", 5),
    ("integer", " 5.0 ", 5),
    ("integer", "5.00", 5),
    ("integer", "+5", 5),
    ("integer", "-5", -5),
    ("integer", "-0", 0),
    ("integer", "007", 7),
    ("integer", "5.5", None),
    ("integer", "5.", None),
    ("integer", "5d", None),
    ("integer", "5 pcs", None),
    ("integer", "1,000", None),
    ("integer", "1e3", None),
    ("integer", "1e30", None),
    ("integer", "NaN", None),
    ("integer", "٥", None),
    ("integer", "0x10", None),
    ("integer", "9223372036854775807", 2**63 - 1),
    ("integer", "9223372036854775808", None),
    ("integer", "-9223372036854775808.0", -(2**63)),
    ("integer", "0" * 30 + "5", 5),
    ("decimal", "12.5", Decimal("12.5000")),
    ("decimal", ".5", Decimal("0.5000")),
    ("decimal", "5.", Decimal("5.0000")),
    ("decimal", "1e3", Decimal("1000.0000")),
    ("decimal", "1.5E-3", Decimal("0.0015")),
    ("decimal", "0.00005", Decimal("0.0001")),
    ("decimal", "-0.00005", Decimal("-0.0001")),
    ("decimal", "0.00004999", Decimal("0.0000")),
    ("decimal", "99999999999999.99994", Decimal("99999999999999.9999")),
    ("decimal", "99999999999999.99995", None),
    ("decimal", "1e30", None),
    ("decimal", "1e999", None),
    ("decimal", "1e-999", Decimal("0.0000")),
    ("decimal", "1e1000", None),
    ("decimal", "5d", None),
    ("decimal", "5f", None),
    ("decimal", "1,000.00", None),
    ("decimal", "₹5", None),
    ("decimal", "NaN", None),
    ("decimal", "-Infinity", None),
    ("decimal", "٥", None),
    ("number", "0.25", 0.25),
    ("number", "-0.0", 0.0),
    ("number", "1e300", 1e300),
    ("number", "1e999", None),
    ("number", "0.25f", None),
    ("number", "25%", None),
    ("number", "inf", None),
    ("number", "nan", None),
    ("boolean", "TRUE", True),
    ("boolean", " y ", True),
    ("boolean", "1", True),
    ("boolean", "1.0", True),
    ("boolean", "No", False),
    ("boolean", "f", False),
    ("boolean", "0", False),
    ("boolean", "on", None),
    ("boolean", "2", None),
    ("date", "2024-02-29", dt.date(2024, 2, 29)),
    ("date", " 2025-01-05 ", dt.date(2025, 1, 5)),
    ("date", "2025-02-30", None),
    ("date", "2025-02-29", None),
    ("date", "2025-1-5", None),
    ("date", "20250105", None),
    ("date", "05-01-2025", None),
    ("date", "2025-01-05 00:00:00", None),
    ("date", "２０２５-01-05", None),
    ("date", "1899-12-31", None),
    ("date", "9999-12-31", dt.date(9999, 12, 31)),
    ("timestamp", "2025-01-05 10:00:00", dt.datetime(2025, 1, 5, 10, tzinfo=UTC)),
    ("timestamp", "2025-01-05T10:00:00Z", dt.datetime(2025, 1, 5, 10, tzinfo=UTC)),
    ("timestamp", "2025-01-05T10:00:00+05:30", dt.datetime(2025, 1, 5, 4, 30, tzinfo=UTC)),
    ("timestamp", "2025-01-05T10:00:00-08:00", dt.datetime(2025, 1, 5, 18, tzinfo=UTC)),
    ("timestamp", "2025-01-05T10:00:00-0800", None),
    ("timestamp", "2025-01-05 10:00:00.5", dt.datetime(2025, 1, 5, 10, 0, 0, 500000, tzinfo=UTC)),
    ("timestamp", "2025-01-05 10:00:00.123456789", dt.datetime(2025, 1, 5, 10, 0, 0, 123456, tzinfo=UTC)),
    ("timestamp", "2025-01-05 10:00:00+18:01", None),
    ("timestamp", "2025-01-05 10:00:00+05:60", None),
    ("timestamp", "2025-01-05 24:00:00", None),
    ("timestamp", "2025-01-05", None),
    ("timestamp", "2025-01-05 10:00", None),
    ("timestamp", "now", None),
    ("timestamp", "1900-01-01 00:00:00+05:30", None),
    ("timestamp", "9999-12-31 23:59:59-01:00", None),
    ("timestamp", "2025-03-30T02:30:00+01:00", dt.datetime(2025, 3, 30, 1, 30, tzinfo=UTC)),
    ("timestamp", "2025-03-30 02:30:00 Europe/Berlin", None),
    ("local_timestamp", "2025-03-30 02:30:00", dt.datetime(2025, 3, 30, 2, 30)),
    ("local_timestamp", " 2025-10-26T02:30:00.123456789 ", dt.datetime(2025, 10, 26, 2, 30, 0, 123456)),
    ("local_timestamp", "9999-12-31 23:59:59.9999999", dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("local_timestamp", "2025-01-05 10:00:00Z", None),
    ("local_timestamp", "2025-01-05 10:00:00+00:00", None),
    ("local_timestamp", "2025-01-05 24:00:00", None),
    ("local_timestamp", "2025-02-29 10:00:00", None),
    ("local_timestamp", "1899-12-31 23:59:59", None),
    ("time", "09:30", dt.time(9, 30)),
    ("time", " 00:00:00 ", dt.time(0)),
    ("time", "23:59:59.9999999", dt.time(23, 59, 59, 999999)),
    ("time", "09:30:00.5", dt.time(9, 30, 0, 500000)),
    ("time", "24:00:00", None),
    ("time", "23:59:60", None),
    ("time", "9:30", None),
    ("time", "09:30Z", None),
    ("time", "09:30:00.", None),
    ("decimal(14,2)", "12.5", Decimal("12.50")),
    ("decimal(14,2)", "-.25", Decimal("-0.25")),
    ("decimal(14,2)", "5.", Decimal("5.00")),
    ("decimal(14,2)", "12.50", Decimal("12.50")),
    ("decimal(14,2)", "12.500", None),
    ("decimal(14,2)", "1.000", None),
    ("decimal(14,2)", ".500", None),
    ("decimal(14,2)", "+0.00", Decimal("0.00")),
    ("decimal(14,2)", ".", None),
    ("decimal(14,2)", "12.505", None),
    ("decimal(14,2)", "1e3", None),
    ("decimal(14,2)", "1,000.00", None),
    ("decimal(14,2)", "999999999999.99", Decimal("999999999999.99")),
    ("decimal(14,2)", "1000000000000", None),
    ("decimal(5,0)", "12", Decimal(12)),
    ("decimal(5,0)", "12.", Decimal(12)),
    ("decimal(5,0)", "12.0", None),
    ("decimal(5,0)", ".", None),
    ("decimal(5,0)", ".5", None),
    ("decimal(4,4)", ".1234", Decimal("0.1234")),
    ("decimal(4,4)", "1", None),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(38,0)", "9" * 39, None),
    ("json", ' {"a": [1, null]} ', '{"a": [1, null]}'),
    ("json", '{"a": 1, "a": 2}', None),
    ("json", '{"a": "{\\"b\\":1,\\"b\\":2}"}', '{"a": "{\\"b\\":1,\\"b\\":2}"}'),
    ("json", "[NaN]", None),
    ("json", "[1,]", None),
    ("json", "{'a': 1}", None),
    ("json", "[] []", None),
    ("json", "1] [2", None),
    ("json", '["\\ud800"]', None),
    ("json", "null", None),
    ("json", "{", None),
]
NUMBERS: list[tuple[str, str, str, Any]] = [
    ("integer", "floating", "5.0D", 5),
    ("integer", "floating", "5.5D", None),
    ("integer", "floating", "1e30D", None),
    ("integer", "floating", "double('NaN')", None),
    ("integer", "floating", "-0.0D", 0),
    ("integer", "decimal", "5.00BD", 5),
    ("integer", "decimal", "5.01BD", None),
    ("integer", "decimal", "99999999999999999999BD", None),
    ("decimal", "floating", "0.1D", Decimal("0.1000")),
    ("decimal", "floating", "1e30D", None),
    ("decimal", "floating", "double('Infinity')", None),
    ("decimal", "whole", "9223372036854775807L", None),
    ("number", "floating", "double('NaN')", None),
    ("number", "floating", "double('-Infinity')", None),
    ("number", "floating", "-0.0D", 0.0),
    ("code", "floating", "1001.0D", "1001"),
    ("code", "floating", "1e20D", None),
    ("text", "floating", "1.50D", "1.5"),
    ("text", "decimal", "100.00BD", "100"),
    ("text", "decimal", "-0.50BD", "-0.5"),
    ("text", "whole", "250", "250"),
    ("boolean", "floating", "1.0D", True),
    ("boolean", "whole", "2", None),
    ("date", "nanos", "-1L", dt.date(1969, 12, 31)),
    ("date", "timestamp", "TIMESTAMP_NTZ'2025-01-05 13:00:00'", dt.date(2025, 1, 5)),
    ("date", "instant", "TIMESTAMP'2025-01-05 00:00:00Z'", dt.date(2025, 1, 5)),
    ("date", "instant", "TIMESTAMP'2025-01-05 13:00:00Z'", None),
    ("date", "instant", "TIMESTAMP'2025-01-05 00:00:00+05:30'", None),
    ("date", "instant_nanos", "1736035200000000000L", dt.date(2025, 1, 5)),
    ("date", "instant_nanos", "1736015400000000000L", None),
    ("date", "date", "DATE'1001-01-01'", None),
    ("decimal(14,2)", "floating", "0.1D", Decimal("0.10")),
    ("decimal(14,2)", "floating", "0.1D + 0.2D", None),
    ("decimal(14,2)", "floating", "float(0.25)", Decimal("0.25")),
    ("decimal(14,2)", "floating", "float(0.1)", None),
    ("decimal(14,2)", "floating", "double('NaN')", None),
    ("decimal(38,0)", "floating", "1e20D", None),
    ("decimal(14,2)", "decimal", "12.5000BD", Decimal("12.50")),
    ("decimal(14,2)", "decimal", "12.5050BD", None),
    ("decimal(14,2)", "whole", "5L", Decimal("5.00")),
    ("decimal(14,2)", "whole", "1000000000000L", None),
    ("local_timestamp", "date", "DATE'2025-01-05'", dt.datetime(2025, 1, 5)),
    ("local_timestamp", "timestamp", "TIMESTAMP_NTZ'2025-03-30 02:30:00'", dt.datetime(2025, 3, 30, 2, 30)),
    ("local_timestamp", "timestamp", "TIMESTAMP_NTZ'1899-12-31 23:59:59'", None),
    ("local_timestamp", "nanos", "-1L", dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
]


@pytest.mark.parametrize(("kind", "text", "expected"), WRITTEN)
def test_python_reads_a_written_value(kind: str, text: str | None, expected: Any) -> None:
    assert repr(value_of(kind, text)) == repr(expected)


def test_white_space_is_everything_that_python_or_spark_would_trim() -> None:
    assert {" ", "\t", "\u00a0", "\u3000", "\x00", "\x85", "\u2028", "\x1f"} <= set(WHITE_SPACE)
    assert not {"\u200b", "\ufeff", "a", "_"} & set(WHITE_SPACE)


@pytest.mark.spark
def test_spark_reads_every_written_value_the_same(spark: SparkSession) -> None:
    kinds = sorted({kind for kind, _, _ in WRITTEN})
    rows = spark.createDataFrame(
        [(kind, text) for kind, text, _ in WRITTEN], "kind string, raw string"
    ).coalesce(1)
    rows = rows.selectExpr("kind", f"{trimmed('raw')} AS text")
    seen = rows.selectExpr(
        "kind", *(f"{_shown(kind, value(kind, 'text', 'text'))} AS `{kind}`" for kind in kinds)
    )
    got = [row[row["kind"]] for row in seen.collect()]
    assert [(case, repr(seen)) for case, seen in zip(WRITTEN, got, strict=True)] == [
        (case, repr(_plain(case[2]))) for case in WRITTEN
    ]


@pytest.mark.spark
def test_spark_reads_typed_values(spark: SparkSession) -> None:
    columns = [
        f"{_shown(kind, value(kind, family, at))} AS c{row}"
        for row, (kind, family, at, _) in enumerate(NUMBERS)
    ]
    got = list(spark.range(1).selectExpr(*columns).collect()[0])
    assert [(case, repr(seen)) for case, seen in zip(NUMBERS, got, strict=True)] == [
        (case, repr(case[3])) for case in NUMBERS
    ]


def _shown(kind: str, expression: str) -> str:
    return f"unix_micros({expression})" if kind == "timestamp" else expression


def _plain(expected: Any) -> Any:
    if isinstance(expected, dt.datetime) and expected.tzinfo:
        return int(expected.timestamp() * 1_000_000)
    return expected.isoformat(timespec="microseconds") if isinstance(expected, dt.time) else expected
