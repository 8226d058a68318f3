"""Values of a column as hypothesis draws them: as text or in a Parquet type, good ones and odd ones."""

from __future__ import annotations

import datetime as dt
import string
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from contracts.dialects.spark_values import castable
from contracts.language.dataset import Column
from contracts.language.kinds import exact_size
from tests.contracts.documents import DOCUMENTS, ODD_DOCUMENTS

WIDE = Context(prec=50)
PADDING = st.sampled_from(["", "", " ", "\t", "\u00a0", "\u3000", "\x00", "\x85\n", " \u2028"])
LETTERS = st.sampled_from([*string.ascii_letters, *string.digits, *"-_ .,/éßſıΩक中😀'\"\\|\u200b\x01"])
GOOD_TEXT: dict[str, st.SearchStrategy[str]] = {
    "code": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True),
    "identifier": st.from_regex(r"[A-Za-z0-9]{1,8}", fullmatch=True),
    "channel": st.sampled_from(["modern_trade", "General Trade", "E-Commerce", "ecommerce", "MODERN-TRADE"]),
    "text": st.text(LETTERS, min_size=1, max_size=12),
    "integer": st.integers(-3, 10**6).map(str) | st.integers(1, 99).map(lambda n: f"{n}.0"),
    "decimal": st.decimals("-10", "1e8", places=4, allow_nan=False).map(str),
    "number": st.floats(0, 1).map(str),
    "boolean": st.sampled_from(["true", "F", "Yes", "n", "1", "0", "TRUE"]),
    "date": st.dates(dt.date(2024, 12, 25), dt.date(2025, 1, 8)).map(str),
    "time": st.times().map(lambda time: str(time)[:-3] if time.microsecond else str(time)[:5]),
    "timestamp": st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2025, 1, 8)).map(str),
    "local_timestamp": st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2025, 1, 8)).map(str),
    "json": DOCUMENTS,
}
ODD_NUMBERS = [
    "-5",
    "5d",
    "5f",
    "5 pcs",
    "1,000",
    "NaN",
    "Infinity",
    "-inf",
    "1e30",
    "1e3",
    "1E-3",
    "0x10",
    "٥",
    "+7",
]
ODD_NUMBERS += [
    "5.",
    ".5",
    ".",
    "-",
    "+",
    "",
    "--5",
    "5.50",
    "-0",
    "-0.0",
    "0.00005",
    "0.00004999",
    "1e999",
    "1e-999",
]
ODD_NUMBERS += ["9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999.99995"]
ODD_NUMBERS += [
    "99999999999999.99994",
    "1" * 40,
    "0" * 30 + "5",
    "5_000",
    "1e1000",
    "5.0.0",
    "5e",
    "0.1" + "0" * 60,
]
ODD_DATES = [
    "2025-02-30",
    "2024-02-29",
    "2023-02-29",
    "2025-1-5",
    "20250105",
    "2025-01-05 00:00:00",
    "05-01-2025",
]
ODD_DATES += [
    "1899-12-31",
    "1900-01-01",
    "9999-12-31",
    "0001-01-01",
    "2015-01-03",
    "2015-01-04",
    "2025-13-01",
    "2025-00-10",
    "2025",
    "２０２５-01-05",
]
ODD_INSTANTS = ["2025-01-05T10:00:00Z", "2025-01-05 10:00:00.123456789+05:30", "2025-01-05T10:00:00-0800"]
ODD_INSTANTS += [
    "2025-01-05 24:00:00",
    "2025-01-05 10:60:00",
    "2025-01-05T10:00",
    "2025-01-05",
    "2025-01-05t10:00:00z",
]
ODD_INSTANTS += [
    "2025-01-05 10:00:00+18:00",
    "2025-01-05 10:00:00+18:01",
    "2025-01-05 10:00:00+05:60",
    "now",
    "epoch",
]
ODD_INSTANTS += [
    "1900-01-01 00:00:00+05:30",
    "9999-12-31 23:59:59-01:00",
    "9999-12-31 00:00:00",
    "2025-01-05 23:59:59.999999",
    "2025-01-06 00:00:00",
    "2025-02-30 10:00:00",
    "2025-01-05 10:00:00 Z",
]
ODD_INSTANTS += [
    "2025-03-30 02:30:00",  # a clock in Berlin never shows it
    "2025-10-26 02:30:00",  # and this twice
    "2025-03-30T02:30:00+01:00",
    "2025-03-30 02:30:00 Europe/Berlin",
    "2025-03-30T02:30:00[Europe/Berlin]",
    "2025-01-05 23:59:60",
    "2025-01-05 10:00:00.1234567891",
    "1899-12-31 23:59:59.999999",
]
ODD_TIMES = ["24:00:00", "24:00", "23:59:60", "23:60", "23:59:59.9999999", "00:00", "9:00", "09:00:00Z"]
ODD_TIMES += ["09:00+05:30", "09:00:00.", "09:00:00.1234567891", "090000", "09:00 am", "9h", "٠٩:٠٠"]
ODD_CODES = ["ß", "ſku", "ı1", "-A", "_a", "A" * 50, "A" * 51, "A B", "é", "a.b", "中"]
ODD: dict[str, list[str]] = {
    "code": ODD_CODES,
    "identifier": ["x" * 100, "x" * 101, "😀" * 100, "😀" * 101, "a|b", "'", "\\"],
    "channel": ["modern  trade", "retail", "modern trade", "İ", "x" * 201],
    "text": ["x" * 200, "x" * 201, "x" * 500, "x" * 501, "\u200b"],
    "boolean": ["maybe", "2", "1.0", "0.0", "yess", "ON", "-1"],
    "date": ODD_DATES,
    "time": ODD_TIMES,
    "timestamp": ODD_INSTANTS,
    "local_timestamp": ODD_INSTANTS,
}
BLANK = st.sampled_from([None, None, "", " ", "\u00a0\t", "\x00"])


def good_text(kind: str) -> st.SearchStrategy[str]:
    if size := exact_size(kind):
        return money_of(min(size.precision, size.scale + 3), size.scale).map(lambda amount: f"{amount:f}")
    return GOOD_TEXT[kind]


def odd_number(kind: str) -> st.SearchStrategy[str]:
    """At the edges of a decimal's size: the greatest, one digit more, one place more, zeros for it."""
    precision, scale = exact_size(kind) or (18, 4)
    whole, places = "9" * (precision - scale), "9" * scale
    edges = [f"{whole}.{places}", f"-{whole}.{places}", f"1{whole}.{places}", f"{whole}.{places}1"]
    edges += [f"{whole}.{places}000", f"-0.{'0' * scale}5", f"0.{'0' * scale}", f"00{whole}.", f".{places}"]
    return st.sampled_from(edges)


def odd_text(kind: str) -> st.SearchStrategy[str | None]:
    if kind == "json":
        return st.one_of(BLANK, ODD_DOCUMENTS)
    if kind.startswith("decimal"):
        return st.one_of(BLANK, odd_number(kind), st.sampled_from(ODD_NUMBERS))
    known = st.sampled_from(ODD.get(kind, ODD_NUMBERS))
    return st.one_of(BLANK, known, st.text(LETTERS, max_size=8), st.sampled_from(ODD_NUMBERS + ODD_DATES))


def plain_text_pool(column: Column) -> st.SearchStrategy[tuple[list[Any], list[Any]]]:
    """Several of the known odd values are in every pool, so that few batches reach every reason."""
    good = st.tuples(PADDING, good_text(column.kind), PADDING).map("".join)
    odd = odd_text(column.kind).flatmap(
        lambda text: st.just(text) if not text else PADDING.map(lambda p: p + text)
    )
    known = st.permutations(ODD.get(column.kind, ODD_NUMBERS)).map(lambda values: values[:10])
    if column.kind == "json":
        known = st.lists(ODD_DOCUMENTS, min_size=3, max_size=6)
    odds = st.tuples(st.lists(odd, min_size=2, max_size=6), known, BLANK)
    return st.tuples(
        st.lists(good, min_size=3, max_size=8), odds.map(lambda drawn: [*drawn[0], *drawn[1], drawn[2]])
    )


def money_of(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**precision) + 1, 10**precision - 1).map(lambda n: Decimal(n).scaleb(-scale, WIDE))


SMALL, DOUBLES = (
    st.integers(-2, 2000),
    st.floats(-1e11, 1e11) | st.sampled_from([float("nan"), float("inf"), -float("inf")]),
)
FEW_DAYS = st.dates(dt.date(2024, 12, 25), dt.date(2025, 1, 8))
ANY_DAY = st.dates(dt.date(1890, 1, 1), dt.date(9999, 12, 31))
ANY_INSTANT = st.datetimes(dt.datetime(1890, 1, 1), dt.datetime(9999, 12, 30))
NANOS = st.integers(-(2**62), 2**62)
FEW_INSTANTS = st.datetimes(dt.datetime(2025, 1, 1), dt.datetime(2025, 1, 9))
MIDNIGHTS = FEW_DAYS.map(lambda day: dt.datetime.combine(day, dt.time()))
MIDNIGHTS_IN_INDIA = MIDNIGHTS.map(lambda midnight: midnight - dt.timedelta(hours=5, minutes=30))


def nanos_of(moment: dt.datetime) -> int:
    return int(moment.replace(tzinfo=dt.UTC).timestamp()) * 10**9


TYPED: dict[str, list[tuple[pa.DataType, st.SearchStrategy[Any], st.SearchStrategy[Any]]]] = {
    "whole": [
        (pa.int64(), SMALL, st.integers(-(2**63), 2**63 - 1)),
        (pa.int32(), SMALL, st.integers(-(2**31), 2**31 - 1)),
        (pa.int8(), st.integers(-2, 100), st.integers(-128, 127)),
        (pa.uint32(), SMALL.map(abs), st.integers(0, 2**32 - 1)),
    ],
    "decimal": [
        (pa.decimal128(38, 10), st.decimals("-2", "2000", places=2), money_of(38, 10)),
        (pa.decimal128(20, 0), SMALL.map(Decimal), money_of(20, 0)),
    ],
    "floating": [
        (
            pa.float64(),
            SMALL.map(float) | SMALL.map(lambda n: n / 100) | st.floats(0, 1),
            DOUBLES | st.sampled_from([1e30, -0.0, 2.0**63, 0.00005]),
        ),
        (pa.float32(), SMALL.map(float), st.floats(width=32)),
    ],
    "boolean": [(pa.bool_(), st.booleans(), st.booleans())],
    "date": [(pa.date32(), FEW_DAYS, ANY_DAY)],
    "instant": [
        (pa.timestamp("us", "UTC"), MIDNIGHTS | FEW_INSTANTS, ANY_INSTANT),
        (pa.timestamp("ms", "Asia/Kolkata"), MIDNIGHTS | FEW_INSTANTS, MIDNIGHTS_IN_INDIA | ANY_INSTANT),
    ],
    "timestamp": [
        (pa.timestamp("us"), FEW_INSTANTS, ANY_INSTANT),
        (pa.timestamp("ms"), MIDNIGHTS, ANY_INSTANT),
    ],
    "nanos": [(pa.timestamp("ns"), NANOS.map(abs), NANOS)],
    "instant_nanos": [
        (pa.timestamp("ns", "UTC"), (MIDNIGHTS | FEW_INSTANTS).map(nanos_of), NANOS),
        (pa.timestamp("ns", "Asia/Kolkata"), MIDNIGHTS.map(nanos_of), MIDNIGHTS_IN_INDIA.map(nanos_of)),
    ],
    "void": [(pa.null(), st.none(), st.none())],
}


@st.composite
def plain_typed_pool(draw: st.DrawFn, column: Column) -> tuple[pa.DataType, list[Any], list[Any]]:
    families = sorted(castable(column.kind) - {"text", "void"})
    if not column.required:
        families.append("void")
    arrow, good, odd = draw(st.sampled_from(TYPED[draw(st.sampled_from(families))] if families else []))
    return (
        arrow,
        draw(st.lists(good, min_size=3, max_size=8)),
        [None, *draw(st.lists(odd, min_size=2, max_size=6))],
    )


def column_of(values: list[Any], arrow: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(arrow) and arrow.unit == "ms":
        values = [value and value.replace(microsecond=value.microsecond // 1000 * 1000) for value in values]
    if pa.types.is_decimal(arrow):  # pyarrow takes the precision of mixed scales for too wide
        values = [value and value.quantize(Decimal(1).scaleb(-arrow.scale), context=WIDE) for value in values]
    return pa.array(values, type=arrow)
