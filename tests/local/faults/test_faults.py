"""Each kind of fault does to a real client of the real local servers what its name says."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from local.faults.call import Address
from local.faults.plan import Fault, FaultNotReached, Kind
from tests.local.faults.conftest import (
    BUCKET,
    TABLE,
    Aws,
    Open,
    address_of,
    client,
    snowflake_through,
    through,
)
from tests.local.snowflake.conftest import Connect


def put_fault(kind: Kind, key: str, seconds: float = 0.0, nth: int = 1) -> Fault:
    return Fault(kind, Address("s3", "PutObject", f"{BUCKET}/{key}", nth), seconds)


def body(aws: Aws, key: str) -> bytes | None:
    s3 = client(aws.url, "s3")
    try:
        return bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def test_without_a_plan_everything_passes_and_is_recorded(aws: Aws, open_way: Open) -> None:
    way = open_way(None)
    s3 = through(way, "s3")
    s3.put_object(Bucket=BUCKET, Key="plain", Body=b"x" * 100_000)
    assert s3.get_object(Bucket=BUCKET, Key="plain")["Body"].read() == b"x" * 100_000
    assert s3.head_object(Bucket=BUCKET, Key="plain")["ContentLength"] == 100_000
    assert [str(entry) for entry in way.recording.calls] == [
        "writes    s3 PutObject lake/plain #1",
        "reads     s3 GetObject lake/plain #1",
        "reads     s3 HeadObject lake/plain #1",
    ]
    assert way.recording.mutating == [Address("s3", "PutObject", "lake/plain")]


def test_a_stream_of_unknown_length_passes(aws: Aws, open_way: Open, tmp_path: object) -> None:
    from io import BytesIO

    through(open_way(None), "s3").upload_fileobj(BytesIO(b"y" * 20_000_000), BUCKET, "stream")
    assert body(aws, "stream") == b"y" * 20_000_000


@pytest.mark.parametrize(
    ("service", "code"),
    [("s3", "SlowDown"), ("dynamodb", "ThrottlingException"), ("sns", "ServiceUnavailable")],
)
def test_refused_in_the_form_of_the_service(open_way: Open, service: str, code: str) -> None:
    asked = {
        "s3": (
            Address("s3", "PutObject", f"{BUCKET}/refused"),
            lambda c: c.put_object(Bucket=BUCKET, Key="refused", Body=b""),
        ),
        "dynamodb": (
            Address("dynamodb", "PutItem", f"{TABLE} 1"),
            lambda c: c.put_item(TableName=TABLE, Item={"id": {"S": "1"}}),
        ),
        "sns": (Address("sns", "CreateTopic", "alerts"), lambda c: c.create_topic(Name="alerts")),
    }
    address, call = asked[service]
    way = open_way(Fault("refuse", address))
    with pytest.raises(ClientError) as refused:
        call(through(way, service))
    assert refused.value.response["Error"]["Code"] == code
    call(through(way, service, attempts=3))  # once only


def test_refused_is_not_executed(aws: Aws, open_way: Open) -> None:
    with pytest.raises(ClientError):
        through(open_way(put_fault("refuse", "not there")), "s3").put_object(
            Bucket=BUCKET, Key="not there", Body=b"1"
        )
    assert body(aws, "not there") is None


def test_a_refusal_passes_for_a_client_that_tries_again(aws: Aws, open_way: Open) -> None:
    s3 = through(open_way(put_fault("refuse", "again")), "s3", attempts=3)
    s3.put_object(Bucket=BUCKET, Key="again", Body=b"1")
    assert body(aws, "again") == b"1"


def test_lost_is_executed_and_never_answered(aws: Aws, open_way: Open) -> None:
    with pytest.raises(ConnectionClosedError):
        through(open_way(put_fault("lose", "lost")), "s3").put_object(Bucket=BUCKET, Key="lost", Body=b"1")
    assert body(aws, "lost") == b"1"


def test_the_client_is_killed_after_its_call_was_executed(aws: Aws, open_way: Open) -> None:
    way = open_way(put_fault("kill", "n", nth=3))
    script = (
        "import boto3\ns3 = boto3.client('s3', endpoint_url='" + way.environment["AWS_ENDPOINT_URL"] + "',"
        "aws_access_key_id='local', aws_secret_access_key='local', region_name='ap-south-1')\n"
        "for n in range(1, 9): s3.put_object(Bucket='lake', Key='n', Body=str(n).encode())"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    way.goes(process.pid)
    assert process.wait(60) == -signal.SIGKILL
    assert body(aws, "n") == b"3"


@pytest.mark.parametrize(("kind", "while_held"), [("pause", b"1"), ("hold", None)])
def test_a_held_call_goes_on_when_it_is_released(
    aws: Aws, open_way: Open, kind: Kind, while_held: bytes | None
) -> None:
    way = open_way(put_fault(kind, f"held by {kind}"))
    s3 = through(way, "s3")
    put = threading.Thread(target=lambda: s3.put_object(Bucket=BUCKET, Key=f"held by {kind}", Body=b"1"))
    put.start()
    assert way.plan.reached.wait(10)
    assert (
        body(aws, f"held by {kind}") == while_held
    )  # at once: who sees that it is paused may rely on its effect
    put.join(0.5)
    assert put.is_alive()
    assert body(aws, f"held by {kind}") == while_held
    way.plan.release()
    put.join(10)
    assert not put.is_alive()
    assert body(aws, f"held by {kind}") == b"1"


def test_a_stale_answer_comes_late_and_once(aws: Aws, open_way: Open) -> None:
    s3 = through(open_way(put_fault("stale", "late", seconds=0.7)), "s3")
    s3.list_buckets()
    began = time.monotonic()
    s3.put_object(Bucket=BUCKET, Key="late", Body=b"1")
    first = time.monotonic() - began
    assert first > 0.7
    s3.put_object(Bucket=BUCKET, Key="late", Body=b"2")
    assert time.monotonic() - began - first < 0.7


def test_a_plan_that_matches_no_call_is_an_error(open_way: Open) -> None:
    way = open_way(put_fault("lose", "never written"))
    through(way, "s3").put_object(Bucket=BUCKET, Key="another", Body=b"")
    with pytest.raises(FaultNotReached, match=r"lose at s3 PutObject lake/never written #1"):
        way.plan.require_reached()
    open_way(None).plan.require_reached()


@pytest.mark.parametrize(("kind", "nth"), [("explode", 1), ("lose", 0)])
def test_a_plan_that_makes_no_sense_is_refused(kind: Kind, nth: int) -> None:
    with pytest.raises(ValueError, match=r"is no fault|the first call"):
        Fault(kind, Address("s3", "PutObject", "x", nth))


def statement(kind: Kind, action: str, key: str) -> Fault:
    return Fault(kind, Address("snowflake", action, key))


def rows(connect: Connect) -> int:
    row = connect().cursor().execute("SELECT COUNT(*) FROM HIGHWATER.RAW.T").fetchone()
    assert isinstance(row, tuple)
    return int(row[0])


def test_snowflake_statements_are_recorded_with_their_transaction(
    aws: Aws, open_way: Open, connect: Connect
) -> None:
    way = open_way(None)
    with snowflake_through(way, aws) as connection:
        for text in (
            "CREATE OR REPLACE TABLE RAW.T (a INT)",
            "BEGIN",
            "INSERT INTO RAW.T VALUES (1)",
            "COMMIT",
        ):
            connection.cursor().execute(text)
    told = [str(entry) for entry in way.recording.calls if entry.address.service == "snowflake"]
    assert told[0].startswith("reads     snowflake LOGIN")
    assert [
        line for line in told if "#1" in line and ("RAW.T" in line or "BEGIN" in line or "COMMIT" in line)
    ] == [
        "writes    snowflake CREATE OR REPLACE TABLE RAW.T #1",
        "reads     snowflake BEGIN  #1",
        "writes    snowflake INSERT INTO RAW.T #1",
        "writes    snowflake COMMIT  #1",
    ]


def test_a_statement_whose_answer_is_lost_was_executed(aws: Aws, open_way: Open, connect: Connect) -> None:
    """The connector sends it again, and it is executed twice: the proxy took its request id away (docs/reliability.md)."""
    connect().cursor().execute("CREATE OR REPLACE TABLE HIGHWATER.RAW.T (a INT)")
    way = open_way(statement("lose", "INSERT INTO", "RAW.T"))
    with snowflake_through(way, aws) as connection:
        connection.cursor().execute("INSERT INTO RAW.T VALUES (1)")
    assert rows(connect) == 2


def test_a_refused_statement_is_sent_again(aws: Aws, open_way: Open, connect: Connect) -> None:
    connect().cursor().execute("CREATE OR REPLACE TABLE HIGHWATER.RAW.T (a INT)")
    way = open_way(statement("refuse", "INSERT INTO", "RAW.T"))
    with snowflake_through(way, aws) as connection:
        connection.cursor().execute("INSERT INTO RAW.T VALUES (1)")
    way.plan.require_reached()
    assert rows(connect) == 1


def test_a_login_whose_answer_is_lost_is_sent_again(aws: Aws, open_way: Open) -> None:
    way = open_way(Fault("lose", Address("snowflake", "LOGIN", "")))
    with snowflake_through(way, aws) as connection:
        assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]
    way.plan.require_reached()


def test_a_client_that_is_killed_in_a_transaction_keeps_nobody_waiting(
    aws: Aws, open_way: Open, connect: Connect
) -> None:
    """The proxy lives on: the server looks for the process behind it."""
    connect().cursor().execute("CREATE OR REPLACE TABLE HIGHWATER.RAW.T (a INT)")
    way = open_way(statement("kill", "INSERT INTO", "RAW.T"))
    script = (
        "import snowflake.connector\n"
        f"cursor = snowflake.connector.connect(**{address_of(way, aws)!r}).cursor()\n"
        "for text in ('BEGIN', 'INSERT INTO RAW.T VALUES (1)'): cursor.execute(text)"
    )
    process = subprocess.Popen([sys.executable, "-c", script])
    way.goes(process.pid)
    assert process.wait(60) == -signal.SIGKILL
    began = time.monotonic()
    connect().cursor().execute("INSERT INTO HIGHWATER.RAW.T VALUES (2)")
    assert time.monotonic() - began < 20
    assert rows(connect) == 1


def test_a_call_that_waits_for_another_run_s_lock_is_seen_to_wait(
    aws: Aws, open_way: Open, connect: Connect
) -> None:
    holder = connect()
    holder.cursor().execute("CREATE OR REPLACE TABLE HIGHWATER.RAW.T (a INT)")
    way = open_way(None)
    with snowflake_through(way, aws) as connection:
        for text in ("BEGIN", "INSERT INTO HIGHWATER.RAW.T VALUES (1)"):
            holder.cursor().execute(text)
        waiting = threading.Thread(target=lambda: connection.cursor().execute("INSERT INTO RAW.T VALUES (2)"))
        waiting.start()
        deadline = time.monotonic() + 20
        while way.seconds_without_answer < 0.5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        holder.cursor().execute("COMMIT")
        waiting.join(20)
        assert way.seconds_without_answer == 0.0
    assert rows(connect) == 2
