"""Large results come in chunks: every value of them, in bounded memory, and nothing of them is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import fakesnow.server
import psutil
import pyarrow as pa
import pytest
from snowflake.connector import SnowflakeConnection
from snowflake.connector.errors import ProgrammingError

from local.snowflake.results import INLINE_ROWS

Connect = Callable[..., SnowflakeConnection]
MILLION = 1_000_000
AMOUNT = "CAST(i / 100 AS NUMBER(14,2))"
FIRST = datetime(2026, 1, 1)
TYPED = f"""
SELECT i AS id, IFF(i < 20000, NULL, {AMOUNT}) AS amount,
    IFF(i % 2 = 0, NULL, DATEADD('microsecond', i, '2026-01-01'::TIMESTAMP_NTZ)) AS at,
    IFF(i < 20000, NULL, 'row ' || i) AS said, i % 3 = 0 AS flag
FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => {{}})))"""
WIDE = f"""
SELECT i AS id, {AMOUNT} AS amount, DATEADD('microsecond', i, '2026-01-01'::TIMESTAMP_NTZ) AS at,
    '{"a text of some length, " * 4}' || i AS said, '{"another text, " * 4}' || i AS told, i % 3 = 0 AS flag
FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => {MILLION})))"""


def files_left() -> list[Path]:
    folder = Path(fakesnow.server.shared_fs.db_path) / "results"
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def grown_by() -> Iterator[list[int]]:
    """By how much this process, which the server is in, grows at most."""
    this, is_over = psutil.Process(), threading.Event()
    before, grown = this.memory_info().rss, [0]

    def watch() -> None:
        while not is_over.wait(0.01):
            grown[0] = max(grown[0], this.memory_info().rss - before)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    yield grown
    is_over.set()
    watching.join()


@pytest.fixture
def connection(connect: Connect) -> Iterator[SnowflakeConnection]:
    with connect(arrow_number_to_decimal=True) as opened:
        yield opened
    assert files_left() == []


CLIENT = """
import json, sys
import psutil
import pyarrow as pa, pyarrow.compute as pc
import snowflake.connector
port, query = int(sys.argv[1]), sys.argv[2]
def memory():
    return psutil.Process().memory_info().rss
with snowflake.connector.connect(host="127.0.0.1", port=port, protocol="http", account="a", user="u", password="p",
        database="HIGHWATER", schema="RAW", arrow_number_to_decimal=True, client_prefetch_threads=1) as connection:
    cursor = connection.cursor()
    list(cursor.execute("SELECT 1.5::NUMBER(14,2) AS a, CURRENT_TIMESTAMP AS b").fetch_arrow_batches())
    cursor.execute(query)
    before, grown, size, batches, rows, ids, amount = memory(), 0, 0, 0, 0, 0, 0
    for batch in cursor.fetch_arrow_batches():
        batches += 1
        grown = max(grown, memory() - before)
        size += batch.nbytes
        rows += batch.num_rows
        ids += pc.sum(batch["ID"]).as_py()
        amount += pc.sum(batch["AMOUNT"]).as_py()
    told = {"size": size, "grown": grown, "batches": batches, "rows": rows, "ids": int(ids)}
    print(json.dumps({**told, "amount": str(amount)}))
"""


def test_a_million_rows_are_streamed(connection: SnowflakeConnection, port: int) -> None:
    """The client, a process of its own, grows by less than half of the result; the server, in this one, by less than all."""
    with grown_by() as grown:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, str(port), WIDE], capture_output=True, text=True, timeout=120
        )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["ids"]) == (MILLION, MILLION * (MILLION - 1) // 2)
    assert Decimal(told["amount"]) == Decimal(told["ids"]) / 100
    assert told["batches"] > 10
    assert told["size"] > 200e6
    assert told["grown"] < told["size"] / 2, told
    assert grown[0] < told["size"], grown
    assert files_left() == []


def test_every_value_comes_in_every_way(connection: SnowflakeConnection) -> None:
    count = 60_000
    cursor = connection.cursor()
    rows = cursor.execute(TYPED.format(count)).fetchall()
    frame = cursor.execute(TYPED.format(count)).fetch_pandas_all()
    some = cursor.execute(TYPED.format(count)).fetchmany(15_000)

    assert rows == [
        (
            i,
            None if i < 20_000 else Decimal(i) / 100,
            None if i % 2 == 0 else FIRST + timedelta(microseconds=i),
            None if i < 20_000 else f"row {i}",
            i % 3 == 0,
        )
        for i in range(count)
    ]
    assert some == rows[:15_000]
    assert cursor.rowcount == len(frame) == count
    assert frame["ID"].tolist() == list(range(count))
    assert frame["AMOUNT"].isna().sum() == 20_000
    assert frame["AMOUNT"].dropna().sum() == sum(range(20_000, count)) / Decimal(100)
    assert frame["AT"].isna().sum() == count / 2


def test_batches_have_the_same_types_also_where_all_is_null(connection: SnowflakeConnection) -> None:
    """The first batch has nulls alone in two columns."""
    batches = list(connection.cursor().execute(TYPED.format(400_000)).fetch_arrow_batches())

    assert len(batches) > 2
    assert batches[0]["AMOUNT"].null_count == batches[0].num_rows == INLINE_ROWS
    schemas = [batch.schema.remove_metadata() for batch in batches]
    assert all(schema.types == schemas[0].types for schema in schemas)
    types = dict(zip(schemas[0].names, schemas[0].types, strict=True))
    assert types["AMOUNT"] == pa.decimal128(14, 2)
    assert types["AT"] == pa.timestamp("ns")
    assert (types["ID"], types["SAID"], types["FLAG"]) == (pa.decimal128(38, 0), pa.string(), pa.bool_())
    last = batches[-1].slice(batches[-1].num_rows - 1).to_pylist()[0]
    assert last["AMOUNT"] == Decimal("3999.99")
    assert last["AT"].to_pydatetime() == FIRST + timedelta(microseconds=399_999)


@pytest.mark.parametrize("count", [0, 1, INLINE_ROWS - 1, INLINE_ROWS, INLINE_ROWS + 1, 3 * INLINE_ROWS])
def test_at_the_edge_of_the_first_chunk(connection: SnowflakeConnection, count: int) -> None:
    cursor = connection.cursor()
    query = f"SELECT i FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => 100000))) WHERE i < {count} ORDER BY i"
    assert cursor.execute(query).fetchall() == [(i,) for i in range(count)]
    assert bool(files_left()) == (count > INLINE_ROWS)
    cursor.execute("SELECT 1")


def test_a_number_is_a_decimal_also_where_nobody_asks_for_it(connect: Connect) -> None:
    """Snowflake's connector gives float64 unless arrow_number_to_decimal is set."""
    with connect() as connection:
        (batch,) = connection.cursor().execute("SELECT 1.5::NUMBER(14,2) AS a").fetch_arrow_batches()
    assert batch.schema.types == [pa.decimal128(14, 2)]


def test_an_empty_result_has_its_columns(connection: SnowflakeConnection) -> None:
    cursor = connection.cursor().execute(TYPED.format(10) + " WHERE i > 100")

    assert cursor.fetchall() == []
    assert [column.name for column in cursor.description] == ["ID", "AMOUNT", "AT", "SAID", "FLAG"]


def test_bound_parameters_are_streamed_too(connect: Connect) -> None:
    query = "SELECT i + ? AS a FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => 50000)))"
    with connect(paramstyle="qmark") as connection:
        cursor = connection.cursor().execute(query, (7,))
        assert files_left()
        assert sum(a for (a,) in cursor) == sum(range(50_000)) + 7 * 50_000


def test_two_cursors_at_once(connection: SnowflakeConnection) -> None:
    one, two = connection.cursor(), connection.cursor()
    first = one.execute(
        "SELECT 1 * i AS a FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => 900000)))"
    )
    second = two.execute(
        "SELECT 2 * i AS a FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => 900000)))"
    )
    sums = [0, 0]
    for a, b in zip(first.fetch_arrow_batches(), second.fetch_arrow_batches(), strict=True):
        sums[0] += sum(a["A"].to_pylist())
        sums[1] += sum(b["A"].to_pylist())
    assert sums == [sum(range(900_000)), 2 * sum(range(900_000))]


def test_a_result_that_is_closed_halfway_leaves_nothing(connect: Connect) -> None:
    connection = connect()
    cursor = connection.cursor().execute(WIDE)
    next(iter(cursor.fetch_arrow_batches()))
    cursor.close()
    connection.cursor().execute("SELECT 1")
    assert files_left()

    connection.close()

    assert files_left() == []


def test_a_killed_client_leaves_nothing(port: int) -> None:
    script = CLIENT.replace(
        "    for batch in",
        "    print('ready', flush=True)\n    import time; time.sleep(60)\n    for batch in",
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(port), WIDE], stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout
        assert client.stdout.readline() == "ready\n"
        assert files_left()
        os.kill(client.pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while files_left():
        assert time.monotonic() < deadline, "the files of a dead client's result stay"
        time.sleep(0.1)


def test_a_query_that_fails_late_leaves_nothing(connection: SnowflakeConnection) -> None:
    with pytest.raises(ProgrammingError, match="Division by zero"):
        connection.cursor().execute(
            "SELECT 1 / (800000 - i) AS a FROM (SELECT SEQ8() AS i FROM TABLE(GENERATOR(ROWCOUNT => 900000)))"
        )
    assert files_left() == []


def test_a_large_result_is_no_relation(connection: SnowflakeConnection) -> None:
    """RESULT_SCAN would be of its first rows only."""
    cursor = connection.cursor()
    cursor.execute(TYPED.format(20_000))
    with pytest.raises(ProgrammingError, match="RESULT_SCAN of more than 10000 rows"):
        cursor.execute("SELECT count(*) FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))")
