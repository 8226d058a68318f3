"""COPY INTO from the lake: the external stage reaches the local S3."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from decimal import Decimal

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from tests.moto_server import moto_server

Sql = Callable[[str], list[tuple[object, ...]]]
Put = Callable[[str, pa.Table | bytes], None]


@pytest.fixture(scope="module")
def aws_endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def lake(aws_endpoint: str) -> Put:
    s3 = boto3.client(
        "s3",
        endpoint_url=aws_endpoint,
        region_name="ap-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})

    def put(key: str, content: pa.Table | bytes) -> None:
        body = io.BytesIO(content if isinstance(content, bytes) else b"")
        if not isinstance(content, bytes):
            pq.write_table(content, body)
        s3.put_object(Bucket="lake", Key=key, Body=body.getvalue())

    return put


@pytest.fixture
def staged(sql: Sql, lake: Put) -> None:
    sql("CREATE STAGE IF NOT EXISTS lake URL = 's3://lake/'")
    sql("CREATE OR REPLACE TABLE staged (code VARCHAR(4), amount NUMBER(18,4), missing INT)")
    amounts = pa.array([Decimal("1.5000"), None], pa.decimal128(18, 4))
    lake("a/1.parquet", pa.table({"code": ["ab", "ü"], "amount": amounts, "extra": [1, 2]}))
    lake("a/2.parquet", pa.table({"code": ["abcde"], "amount": amounts.slice(0, 1)}))


def _copy(sql: Sql, *files: str) -> list[tuple[object, ...]]:
    names = ", ".join(f"'{file}'" for file in files)
    return sql(
        f"COPY INTO staged FROM @lake FILES = ({names}) FILE_FORMAT = (TYPE = PARQUET)"
        " MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
    )


@pytest.mark.usefixtures("staged")
def test_files_are_loaded_by_column_name_and_once(sql: Sql) -> None:
    assert [row[:4] for row in _copy(sql, "a/1.parquet")] == [("s3://lake/a/1.parquet", "LOADED", 2, 2)]
    assert _copy(sql, "a/1.parquet")[0][1] == "LOAD_SKIPPED"

    assert sql("SELECT code, amount, missing FROM staged ORDER BY code") == [
        ("ab", Decimal("1.5000"), None),
        ("ü", None, None),
    ]


@pytest.mark.usefixtures("staged")
def test_a_copy_that_fails_on_its_second_file_leaves_nothing(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="too long"):
        _copy(sql, "a/1.parquet", "a/2.parquet")

    assert sql("SELECT count(*) FROM staged") == [(0,)]
    assert _copy(sql, "a/1.parquet")[0][1] == "LOADED"


@pytest.mark.usefixtures("staged")
def test_a_file_that_is_not_there_is_an_error(sql: Sql) -> None:
    with pytest.raises(ProgrammingError):
        _copy(sql, "a/3.parquet")


@pytest.mark.usefixtures("staged")
def test_truncate_does_not_let_a_file_be_loaded_again(sql: Sql) -> None:
    _copy(sql, "a/1.parquet")
    sql("TRUNCATE TABLE staged")

    assert _copy(sql, "a/1.parquet")[0][1] == "LOAD_SKIPPED"
    assert sql("SELECT count(*) FROM staged") == [(0,)]


@pytest.mark.usefixtures("staged")
def test_a_file_goes_into_each_sessions_temporary_table(connect: Callable[..., SnowflakeConnection]) -> None:
    """What one session has loaded is no reason to skip the file in another's table of the same name."""
    for _ in range(2):
        with connect() as connection:
            cursor = connection.cursor()
            cursor.execute("CREATE TEMPORARY TABLE RAW.mine (code VARCHAR, amount NUMBER(18,4))")
            copied = cursor.execute(
                "COPY INTO RAW.mine FROM @lake FILES = ('a/1.parquet') FILE_FORMAT = (TYPE = PARQUET)"
                " MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"
            ).fetchall()
            assert [tuple(row)[:4] for row in copied] == [("s3://lake/a/1.parquet", "LOADED", 2, 2)]
            assert cursor.execute("SELECT count(*), count(amount) FROM mine").fetchall() == [(2, 1)]


@pytest.mark.usefixtures("staged")
def test_a_json_array_is_one_row_unless_it_is_stripped(sql: Sql, lake: Put) -> None:
    lake("j/array.json", b'[{"a": 1}, {"a": 2}, 3]')
    lake("j/lines.json", b'{"a": 4}\n{"a": 5}\n')
    copy = "COPY INTO docs FROM @lake FILES = ('j/{}.json') FILE_FORMAT = (TYPE = JSON{}) FORCE = FALSE"
    sql("CREATE OR REPLACE TABLE docs (v VARIANT)")

    sql(copy.format("array", ""))
    assert sql("SELECT v FROM docs") == [('[{"a": 1}, {"a": 2}, 3]',)]

    sql("CREATE OR REPLACE TABLE docs (v VARIANT)")
    sql(copy.format("array", " STRIP_OUTER_ARRAY = TRUE"))
    sql(copy.format("lines", ""))
    assert sql("SELECT v:a::INT FROM docs ORDER BY 1") == [(1,), (2,), (4,), (5,), (None,)]
    assert sql(copy.format("lines", ""))[0][1] == "LOAD_SKIPPED"
    with pytest.raises(ProgrammingError, match="STRIP_NULL_VALUES"):
        sql(copy.format("lines", " STRIP_NULL_VALUES = TRUE"))


@pytest.mark.usefixtures("staged")
def test_purge_is_refused(sql: Sql) -> None:
    with pytest.raises(ProgrammingError, match="PURGE"):
        sql("COPY INTO staged FROM @lake FILES = ('a/1.parquet') FILE_FORMAT = (TYPE = PARQUET) PURGE = TRUE")


@pytest.mark.usefixtures("staged")
def test_an_external_stage_is_listed(sql: Sql, lake: Put) -> None:
    lake("l/one.csv", b"1,2\n")
    sql("CREATE STAGE IF NOT EXISTS listed URL = 's3://lake/l/'")
    sql("CREATE STAGE IF NOT EXISTS nothing URL = 's3://lake/nothing/'")

    assert [row[:2] for row in sql("LIST @listed")] == [("s3://lake/l/one.csv", 4)]
    assert sql("LIST @nothing") == []


@pytest.mark.usefixtures("staged")
def test_nested_columns_are_loaded_as_arrays_and_objects(sql: Sql, lake: Put) -> None:
    sql("CREATE OR REPLACE TABLE staged (code VARCHAR, skus ARRAY, price OBJECT)")
    price = pa.struct([("amount", pa.float64()), ("currency", pa.string())])
    table = {
        "code": ["c1", "c2"],
        "skus": pa.array([["a", "b"], []], pa.list_(pa.string())),
        "price": pa.array([{"amount": 1.5, "currency": "EUR"}, None], price),
    }
    lake("a/nested.parquet", pa.table(table))
    _copy(sql, "a/nested.parquet")
    assert sql(
        "SELECT code, ARRAY_SIZE(skus), skus[0]::VARCHAR, price:currency::VARCHAR FROM staged ORDER BY code"
    ) == [("c1", 2, "a", "EUR"), ("c2", 0, None, None)]
