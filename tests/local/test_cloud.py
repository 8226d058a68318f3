"""The real parts, from nothing to nothing. What is asserted in one test of a life is the start of the next."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments import glue_code
from local import process_trees, processes, resources, snowflake_login
from local.alerts import published
from local.aws_resources import session
from local.cloud import Cloud, down, up
from local.environment import process_environment
from local.settings import REPOSITORY, LocalSettings
from local.sql import query
from local.supervisor import State
from tests.free_port import free_port
from tests.schedules import pause_schedules

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> LocalSettings:
    return LocalSettings(
        state=tmp_path_factory.mktemp("cloud") / "state",
        prefect_port=free_port(),
        aws_port=free_port(),
        snowflake_port=free_port(),
        listener_port=free_port(),
        inbox_listener=True,  # whatever a cloud of e2e tests in this process left in the environment
        start_timeout=300,
    )


@pytest.fixture(scope="module")
def cloud(settings: LocalSettings) -> Iterator[Cloud]:
    try:
        running = up(settings)
        with temporary_settings({PREFECT_API_URL: running.environment["PREFECT_API_URL"]}):
            pause_schedules()  # a sweep of the inbox would fail without tables, alert and leave its result
        yield running
    finally:
        down(settings)


def test_everything_declared_is_there(cloud: Cloud) -> None:
    aws, url = session(cloud.settings), cloud.settings.aws_url
    buckets = {bucket["Name"] for bucket in aws.client("s3", endpoint_url=url).list_buckets()["Buckets"]}
    table = aws.client("dynamodb", endpoint_url=url).describe_table(TableName="highwater-ledger")["Table"]
    glue = aws.client("glue", endpoint_url=url)
    job = glue.get_job(JobName="highwater-curate")["Job"]

    assert buckets == {bucket.name for bucket in resources.BUCKETS}
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 4}
    assert job["Timeout"] == resources.CURATE.timeout_minutes
    assert job["DefaultArguments"]["--code_version"] == glue_code.version()
    assert {d["Name"]: d["LocationUri"] for d in glue.get_databases()["DatabaseList"]} == {
        "curated": "s3://highwater-lake/curated",
        "quarantine": "s3://highwater-lake/quarantine",
        "ml": "s3://highwater-lake/ml",
        "bronze": "s3://highwater-lake/bronze",
        "silver": "s3://highwater-lake/silver",
        "gold": "s3://highwater-lake/gold",
    }
    scripts = ("curate", "demand_features", "churn_dataset", "silver", "gold", "bronze_digest")
    assert _glue_code(aws, url) == {"glue/highwater.zip", *(f"glue/{name}.py" for name in scripts)}


def _glue_code(aws: boto3.Session, url: str) -> set[str]:
    listed = aws.client("s3", endpoint_url=url).list_objects_v2(Bucket="highwater-artifacts", Prefix="glue/")
    return {item["Key"] for item in listed["Contents"]}


def test_the_sample_source_is_there_and_fills_when_told(cloud: Cloud) -> None:
    tables = query("SELECT table_name FROM SHOP.information_schema.tables ORDER BY 1", cloud.settings).rows
    assert [name for (name,) in tables] == ["CUSTOMERS", "ORDERS", "ORDER_ITEMS", "PRODUCTS"]
    with snowflake_login.connect(cloud.settings, resources.SHOP_SECRET) as connection:
        assert (connection.user, connection.role, connection.database) == (
            "HIGHWATER_EXTRACTOR",
            "SHOP_READER",
            "SHOP",
        )
        assert connection.cursor().execute("SELECT count(*) FROM PUBLIC.ORDERS").fetchall() == [(0,)]

    filled = ["shop", "--advance", "1d", "--customers", "10", "--now", "2026-11-01"]
    done = subprocess.run(
        [sys.executable, "-m", "local", *filled],
        cwd=REPOSITORY,
        env=process_environment(cloud.settings),
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[0] == "in the shop it is 2026-10-31 23:59:25 (UTC)"
    assert query("SELECT count(*) FROM SHOP.PUBLIC.ORDERS", cloud.settings).rows == [(67,)]


def test_the_secret_opens_the_migrated_warehouse(cloud: Cloud) -> None:
    schemas = query("SELECT schema_name FROM information_schema.schemata", cloud.settings).rows
    stages = query("SHOW STAGES IN SCHEMA HIGHWATER.CURATED", cloud.settings)

    assert {name for (name,) in schemas} >= set(resources.WAREHOUSE.schemas)
    assert [row[stages.columns.index("name")] for row in stages.rows] == ["LAKE"]
    assert query("SELECT count(*) FROM dw.fact_sales", cloud.settings).rows == [(0,)]


def test_the_key_is_readable_by_its_owner_only(cloud: Cloud) -> None:
    assert (cloud.settings.snowflake_state / "private_key.pem").stat().st_mode & 0o777 == 0o600


def test_what_is_published_can_be_seen_and_stays_until_drained(cloud: Cloud) -> None:
    published(cloud.settings, drain=True)  # of a sweep that began before schedules were paused
    sns = session(cloud.settings).client("sns", endpoint_url=cloud.settings.aws_url)
    message = {"channel": "data-eng", "severity": "HIGH", "message": "3 prefixes are missing", "run": "r1"}
    sns.publish(TopicArn=resources.ALERTS.arn, Message=json.dumps(message))
    sns.publish(TopicArn=resources.ALERTS.arn, Message="not ours")

    first, second = published(cloud.settings)
    assert (first.severity, first.channel, first.message, first.run) == (
        "HIGH",
        "data-eng",
        "3 prefixes are missing",
        "r1",
    )
    assert (second.severity, second.message) == ("", "not ours")
    assert len(published(cloud.settings, drain=True)) == 2
    assert published(cloud.settings) == []


def test_results_are_stored_in_the_artifacts_bucket(cloud: Cloud, tmp_path: Path) -> None:
    program = tmp_path / "flow.py"
    program.write_text(
        "from prefect import flow\n"
        "@flow(persist_result=True, result_serializer='json')\n"
        "def kept():\n"
        "    return {'rows': 3}\n"
        "kept()\n"
    )
    environment = process_environment(cloud.settings)
    subprocess.run([sys.executable, str(program)], env=environment, check=True, capture_output=True)

    s3 = session(cloud.settings).client("s3", endpoint_url=cloud.settings.aws_url)
    results = s3.list_objects_v2(Bucket="highwater-artifacts", Prefix="results/")["Contents"]
    bodies = [s3.get_object(Bucket="highwater-artifacts", Key=found["Key"])["Body"] for found in results]
    # A sweep that began before schedules were paused may have left its own, which is no JSON.
    assert b'{"rows":3}' in [b"".join(body.read().split()) for body in bodies]


def test_up_again_keeps_every_process_and_all_content(cloud: Cloud) -> None:
    before = _pids(cloud)
    lines: list[str] = []

    up(cloud.settings, lines.append)

    assert _pids(cloud) == before
    assert [line for line in lines if "already runs" in line] == [
        f"aws already runs on {cloud.settings.aws_url}",
        f"snowflake already runs on {cloud.settings.snowflake_url}",
        f"prefect already runs on {cloud.settings.prefect_url}",
        "worker already runs on Prefect",
        f"inbox-listener already runs on {cloud.settings.listener_url}",
    ]


@pytest.mark.parametrize("part", ["worker", "inbox-listener"])
def test_a_dead_part_that_keeps_nothing_is_started_again_with_the_rest_left_alone(
    cloud: Cloud, part: str
) -> None:
    before = _pids(cloud)
    _kill(before[part])
    assert {status.part.name: status.state for status in cloud.status()}[part] is State.DIED

    up(cloud.settings)

    after = _pids(cloud)
    assert after[part] != before[part]
    assert {**after, part: 0} == {**before, part: 0}


def test_a_dead_snowflake_comes_back_with_its_tables_and_its_stage(cloud: Cloud) -> None:
    query("CREATE TABLE raw.kept AS SELECT 42 answer", cloud.settings)
    _kill(_pids(cloud)["snowflake"])

    up(cloud.settings)

    assert query("SELECT answer FROM raw.kept", cloud.settings).rows == [(42,)]
    assert len(query("SHOW STAGES IN SCHEMA HIGHWATER.CURATED", cloud.settings).rows) == 1


def test_when_aws_died_lake_and_warehouse_start_empty_together(cloud: Cloud) -> None:
    s3 = session(cloud.settings).client("s3", endpoint_url=cloud.settings.aws_url)
    s3.put_object(Bucket="highwater-lake", Key="raw/x.parquet", Body=b"x")
    _kill(_pids(cloud)["aws"])
    lines: list[str] = []

    up(cloud.settings, lines.append)

    assert any("lake, warehouse and run history start empty again" in line for line in lines)
    assert s3.list_objects_v2(Bucket="highwater-lake")["KeyCount"] == 0
    kept = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'KEPT'"
    assert query(kept, cloud.settings).rows == [(0,)]
    assert all(status.is_ready for status in cloud.status())


def test_down_leaves_no_process_and_the_logs(cloud: Cloud) -> None:
    family = [p for pid in _pids(cloud).values() for p in process_trees.tree(psutil.Process(pid))]

    down(cloud.settings)

    assert [process for process in family if process_trees.is_alive(process)] == []
    assert processes.marked(cloud.settings.state) == []
    assert {status.state for status in cloud.status()} == {State.STOPPED}
    assert {log.stem for log in cloud.settings.logs.iterdir()} >= {
        *("aws", "snowflake", "prefect", "worker", "inbox-listener")
    }
    down(cloud.settings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    settings = LocalSettings(
        state=tmp_path / "state",
        prefect_port=free_port(),
        aws_port=free_port(),
        snowflake_port=free_port(),
        listener_port=free_port(),
        inbox_listener=True,  # whatever a cloud of e2e tests in this process left in the environment
    )
    starting = subprocess.Popen(
        [sys.executable, "-m", "local", "up"],
        env={**os.environ, **settings.as_environment()},
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        # A shell's background jobs, and so their children, ignore the interrupt that this test sends.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while len(list(settings.run.glob("*.pid"))) < 3:
        assert time.monotonic() < deadline, "nothing was started"
        time.sleep(0.05)

    starting.send_signal(number)
    _, errors = starting.communicate(timeout=60)

    assert starting.returncode == 130
    assert b"Traceback" not in errors
    assert processes.marked(settings.state) == []
    assert not list(settings.run.glob("*.pid"))


def _pids(cloud: Cloud) -> dict[str, int]:
    return {status.part.name: status.pid or 0 for status in cloud.status()}


def _kill(pid: int) -> None:
    process = psutil.Process(pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)
