"""Values come back as they went in: of every type, bound or written out, as rows or as Arrow."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from snowflake.connector import SnowflakeConnection

Sql = Callable[[str], list[tuple[object, ...]]]
Row = tuple[object, ...]

TYPES = {
    "number_4": "NUMBER(18,4)",
    "number_37": "NUMBER(38,37)",
    "whole": "NUMBER(18,0)",
    "float_": "FLOAT",
    "text_": "VARCHAR",
    "bytes_": "BINARY",
    "flag": "BOOLEAN",
    "day": "DATE",
    "time_": "TIME",
    "ntz": "TIMESTAMP_NTZ",
    "ltz": "TIMESTAMP_LTZ",
    "tz": "TIMESTAMP_TZ",
}
INDIA = timezone(timedelta(hours=5, minutes=30))
LOWEST: Row = (
    *(Decimal("-99999999999999.9999"), Decimal("-9." + "9" * 37), -(10**18 - 1), -0.0, "", b"", False),
    *(
        date(1, 1, 1),
        time(0, 0),
        datetime(1, 1, 1),
        datetime(1, 1, 2, tzinfo=INDIA),
        datetime(1, 1, 2, tzinfo=UTC),
    ),
)
HIGHEST: Row = (
    *(
        Decimal("99999999999999.9999"),
        Decimal("9." + "9" * 37),
        10**18 - 1,
        math.inf,
        "ü😀'\\n?%s",
        b"\0\xff",
        True,
    ),
    *(date(9999, 12, 31), time(23, 59, 59, 999999), datetime(9999, 12, 31, 23, 59, 59)),
    *(datetime(9999, 12, 31, tzinfo=INDIA), datetime(1969, 12, 31, 23, 59, 59, 999999, UTC)),
)
NULLS: Row = (None,) * len(TYPES)


def _decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**digits - 1
    return st.integers(-top, top).map(lambda n: Decimal((int(n < 0), [int(d) for d in str(abs(n))], -scale)))


def _instants() -> st.SearchStrategy[datetime]:
    """The connector counts a bound datetime in floats: beyond 1697 and 2242 it loses microseconds itself."""
    far = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda at: at.replace(microsecond=0))
    return far | st.datetimes(datetime(1700, 1, 1), datetime(2242, 1, 1))


def _zoned() -> st.SearchStrategy[datetime]:
    return st.builds(lambda at, zone: at.replace(tzinfo=zone), _instants(), st.sampled_from([UTC, INDIA]))


text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
rows = st.tuples(
    *(
        st.none() | values
        for values in (
            *(_decimals(18, 4), _decimals(38, 37), st.integers(-(10**18) + 1, 10**18 - 1), st.floats(), text),
            *(st.binary(max_size=20), st.booleans(), st.dates(), st.times(), _instants(), _zoned(), _zoned()),
        )
    )
)


@pytest.fixture(scope="module")
def binding(connect: Callable[..., SnowflakeConnection]) -> Iterator[SnowflakeConnection]:
    with connect(paramstyle="qmark") as connection:
        columns = ", ".join(f"{name} {type_}" for name, type_ in TYPES.items())
        connection.cursor().execute(f"CREATE OR REPLACE TABLE bound (n INT, {columns})")
        yield connection


@pytest.fixture(scope="module")
def writing(
    connect: Callable[..., SnowflakeConnection], binding: SnowflakeConnection
) -> Iterator[SnowflakeConnection]:
    with connect(paramstyle="pyformat") as connection:
        yield connection


def _round_trip(
    connection: SnowflakeConnection, mark: str, written: list[Row]
) -> tuple[list[Row], list[Row]]:
    cursor = connection.cursor()
    line = f"({', '.join([mark] * (1 + len(TYPES)))})"
    cursor.execute("DELETE FROM bound")
    cursor.execute(
        f"INSERT INTO bound VALUES {', '.join([line] * len(written))}",
        [value for n, row in enumerate(written) for value in (n, *row)],
    )
    query = f"SELECT {', '.join(TYPES)} FROM bound ORDER BY n"
    fetched = [tuple(row) for row in cursor.execute(query).fetchall()]
    batches = cursor.execute(query).fetch_arrow_batches()
    arrow = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    return fetched, arrow


def _same(read: object, written: object) -> bool:
    if isinstance(written, float):
        return isinstance(read, float) and repr(read) == repr(written)
    return type(read) is type(written) and read == written


def _assert_same(read: list[Row], written: list[Row]) -> None:
    for got, sent in zip(read, written, strict=True):
        for name, value, expected in zip(TYPES, got, sent, strict=True):
            plain = bytes(value) if isinstance(value, bytearray) else value
            assert _same(plain, expected), f"{name}: {expected!r} came back as {value!r}"


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=st.lists(rows, min_size=1, max_size=4))
@example(written=[LOWEST, NULLS, HIGHEST])
@example(written=[NULLS])
def test_bound_values_come_back(binding: SnowflakeConnection, written: list[Row]) -> None:
    fetched, _ = _round_trip(binding, "?", written)

    _assert_same(fetched, written)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(written=st.lists(rows.filter(lambda row: not _is_special(row[3])), min_size=1, max_size=3))
@example(
    written=[
        NULLS,
        (*HIGHEST[:3], 1.5, *HIGHEST[4:9], datetime(9999, 12, 31, 23, 59, 59, 999999), *HIGHEST[10:]),
    ]
)
def test_values_that_are_written_out_come_back(writing: SnowflakeConnection, written: list[Row]) -> None:
    fetched, _ = _round_trip(writing, "%s", written)

    _assert_same(fetched, written)


def _is_special(value: object) -> bool:
    """-0.0 written out is a NUMBER, and NaN is no literal."""
    return isinstance(value, float) and (not math.isfinite(value) or repr(value) == "-0.0")


def test_nulls_and_extremes_come_back_as_arrow(binding: SnowflakeConnection) -> None:
    _, arrow = _round_trip(binding, "?", [LOWEST, NULLS, HIGHEST])

    for got, sent in zip(arrow, [LOWEST, NULLS, HIGHEST], strict=True):
        assert got == sent


def test_values_of_several_batches_come_back(binding: SnowflakeConnection) -> None:
    """DuckDB hands out 2,048 rows at a time; nulls must stay with their rows."""
    cursor = binding.cursor()
    cursor.execute("DELETE FROM bound")
    cursor.execute(
        "INSERT INTO bound (n, whole, ntz) SELECT i, CASE WHEN i % 3 > 0 THEN i END,"
        " CASE WHEN i % 2 > 0 THEN DATEADD('day', -i, '1970-01-01'::TIMESTAMP_NTZ) END"
        " FROM (SELECT SEQ4() i FROM TABLE(GENERATOR(ROWCOUNT => 10000))) t"
    )

    table = cursor.execute("SELECT n, whole, ntz FROM bound ORDER BY n").fetch_arrow_all(
        force_return_table=True
    )

    assert [tuple(row.values()) for row in table.to_pylist()] == [
        (n, n if n % 3 else None, datetime(1970, 1, 1) - timedelta(days=n) if n % 2 else None)
        for n in range(10000)
    ]


leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9, width=32) | text
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, json_values, max_size=3)
arrays = st.lists(json_values, max_size=3)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    variant=st.none() | json_values.filter(lambda value: value is not None),
    obj=st.none() | objects,
    array=st.none() | arrays,
)
@example(variant={"a": [1, {"b": None}], "ü": "😀'\\\n\""}, obj={}, array=[])
@example(variant="text", obj={"": 1.5}, array=[None, [], {}, "", 0, False])
@example(variant=None, obj=None, array=None)
def test_semi_structured_values_come_back(
    binding: SnowflakeConnection,
    variant: object,
    obj: dict[str, object] | None,
    array: list[object] | None,
) -> None:
    """As the connector gives them: the text of the JSON."""
    cursor = binding.cursor()
    cursor.execute("CREATE OR REPLACE TEMPORARY TABLE nested (v VARIANT, o OBJECT, a ARRAY)")
    sent = [None if value is None else json.dumps(value) for value in (variant, obj, array)]
    cursor.execute("INSERT INTO nested SELECT PARSE_JSON(?), PARSE_JSON(?), PARSE_JSON(?)", sent)
    (row,) = cursor.execute("SELECT v, o, a FROM nested").fetchall()
    assert [value if value is None else json.loads(str(value)) for value in row] == [variant, obj, array]
