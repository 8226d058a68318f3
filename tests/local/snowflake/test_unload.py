"""COPY INTO an external stage: the query's rows are in Parquet files there, with the types that they have at the source."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from tests.moto_server import moto_server

COPY = (
    "COPY INTO @out/{} FROM ({}) FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY) HEADER = TRUE "
    "MAX_FILE_SIZE = 1048576 INCLUDE_QUERY_ID = TRUE"
)
ROW = (
    'SELECT CAST(? AS VARCHAR) AS "text", CAST(12.5 AS NUMBER(14, 2)) AS "money", CAST(3 AS BIGINT) AS "number", '
    'CAST(\'2026-01-01 12:00:00.123456\' AS TIMESTAMP_NTZ) AS "moment", FALSE AS "flag", CAST(0.5 AS DOUBLE) AS "share"'
)


@pytest.fixture(scope="module")
def aws_endpoint() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def s3(aws_endpoint: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=aws_endpoint,
        region_name="ap-south-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    client.create_bucket(Bucket="unloads", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    return client


@pytest.fixture
def session(connect: Callable[..., SnowflakeConnection], s3: Any) -> Iterator[SnowflakeConnection]:
    connection = connect(paramstyle="qmark")
    cursor = connection.cursor()
    cursor.execute("CREATE STAGE IF NOT EXISTS out URL = 's3://unloads/out/'")
    cursor.execute("ALTER SESSION SET UNLOAD_PARQUET_TIME_TIMESTAMP_MILLIS = FALSE")
    cursor.execute("ALTER SESSION SET ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION = FALSE")
    yield connection
    connection.close()


def files(s3: Any, prefix: str) -> list[pa.Table]:
    listed = s3.list_objects_v2(Bucket="unloads", Prefix=prefix).get("Contents", [])
    bodies = (s3.get_object(Bucket="unloads", Key=each["Key"])["Body"].read() for each in listed)
    return [pq.read_table(io.BytesIO(body)) for body in bodies]


def test_a_row_has_its_names_types_and_bound_values(session: SnowflakeConnection, s3: Any) -> None:
    answer = session.cursor().execute(COPY.format("one/part", ROW), ("it's",)).fetchall()
    (table,) = files(s3, "out/one/part_")
    assert answer[0][0] == 1
    assert {field.name: str(field.type) for field in table.schema} == {
        "text": "string",
        "money": "decimal128(14, 2)",
        "number": "int64",
        "moment": "timestamp[us, tz=UTC]",
        "flag": "bool",
        "share": "double",
    }
    (row,) = table.to_pylist()
    assert (row["text"], str(row["money"]), row["number"]) == ("it's", "12.50", 3)
    assert row["moment"].isoformat() == "2026-01-01T12:00:00.123456+00:00"


def test_a_stage_with_its_schema_needs_no_other(
    connect: Callable[..., SnowflakeConnection], session: SnowflakeConnection, s3: Any
) -> None:
    with connect(schema=None) as connection:
        connection.cursor().execute(COPY.format("q/part", "SELECT 'a' AS \"a\"").replace("@out", "@RAW.out"))
    assert [table.to_pylist() for table in files(s3, "out/q/")] == [[{"a": "a"}]]


def test_many_rows_are_in_several_files_and_all_there(session: SnowflakeConnection, s3: Any) -> None:
    many = 'SELECT SEQ4() AS "number", MD5(CAST(SEQ4() AS VARCHAR)) AS "text" FROM TABLE(GENERATOR(ROWCOUNT => 300000))'
    session.cursor().execute(f"CREATE OR REPLACE TABLE many AS {many}")
    query = 'SELECT CAST("number" AS BIGINT) AS "number", CAST("text" AS VARCHAR) AS "text" FROM many'
    answer = session.cursor().execute(COPY.format("many/part", query)).fetchall()
    tables = files(s3, "out/many/")
    assert answer[0][0] == 300_000
    assert len(tables) > 1
    assert sorted(pa.concat_tables(tables).column("number").to_pylist()) == list(range(300_000))


def test_no_rows_are_no_files(session: SnowflakeConnection, s3: Any) -> None:
    answer = session.cursor().execute(COPY.format("none/part", 'SELECT 1 AS "a" WHERE 1 = 0')).fetchall()
    assert (answer[0][0], files(s3, "out/none/")) == (0, [])


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (COPY.format("r/part", "SELECT 1 AS a") + " SINGLE = TRUE", "COPY INTO a location with SINGLE"),
        (COPY.format("r/part", "SELECT 1 AS a") + " OVERWRITE = TRUE", "COPY INTO a location with OVERWRITE"),
        (COPY.format("r/part", "SELECT 1 AS a").replace("HEADER = TRUE", ""), "without HEADER = TRUE"),
        (COPY.format("r/part", "SELECT 1 AS a").replace("PARQUET", "CSV"), "another format than PARQUET"),
        (COPY.format("r/part", "SELECT 1 AS a").replace("SNAPPY", "LZO"), "COMPRESSION = LZO"),
        (COPY.format("r/part", "SELECT CURRENT_TIMESTAMP AS a"), "TIMESTAMP_TZ or TIMESTAMP_LTZ"),
        (COPY.format("r/part", "SELECT PARSE_JSON('{}') AS a"), "COPY INTO a location of JSON"),
        ("COPY INTO @nowhere/r FROM (SELECT 1 AS a) FILE_FORMAT = (TYPE = PARQUET) HEADER = TRUE", "no external stage"),
    ],
)  # fmt: skip
def test_what_is_not_written_as_snowflake_does_is_refused(
    session: SnowflakeConnection, s3: Any, statement: str, message: str
) -> None:
    with pytest.raises(ProgrammingError, match=message):
        session.cursor().execute(statement)
    assert files(s3, "out/r/") == []


@pytest.mark.parametrize(
    "parameter", ["UNLOAD_PARQUET_TIME_TIMESTAMP_MILLIS", "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION"]
)
def test_snowflakes_defaults_of_types_are_refused(
    session: SnowflakeConnection, s3: Any, parameter: str
) -> None:
    session.cursor().execute(f"ALTER SESSION SET {parameter} = TRUE")
    with pytest.raises(ProgrammingError, match=f"set {parameter} = FALSE"):
        session.cursor().execute(COPY.format("d/part", ROW), ("a",))


@pytest.mark.parametrize(
    ("clause", "message"),
    [
        ("CHANGES(INFORMATION => DEFAULT) AT(OFFSET => -1)", r"CHANGES \(no changes are tracked\)"),
        ("AT(TIMESTAMP => '2026-01-01'::TIMESTAMP_LTZ)", r"AT and BEFORE \(tables have no history\)"),
        ("BEFORE(STATEMENT => 'x')", "AT and BEFORE"),
    ],
)
def test_changes_and_time_travel_are_refused(session: SnowflakeConnection, clause: str, message: str) -> None:
    session.cursor().execute("CREATE OR REPLACE TABLE tracked (a INT)")
    with pytest.raises(ProgrammingError, match=message):
        session.cursor().execute(f"SELECT * FROM tracked {clause}")
