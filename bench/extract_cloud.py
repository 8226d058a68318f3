"""The servers for the extraction's benchmark: the local S3 and the local Snowflake, with a table to be extracted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import snowflake.connector

from bench import measure
from bench.extract_run import SECRET, STAGE
from local import resources
from local.aws_resources import create_bucket, create_table, session
from local.cloud import declared_parts
from local.environment import process_environment
from local.ports import refuse_taken_ports
from local.settings import LOOPBACK, LocalSettings
from local.snowflake_login import key_pair

ROOT = Path(__file__).parents[1]
TABLE = "PUBLIC.BENCH_ITEMS"
_ROWS_OF_A_STATEMENT = 1_000_000
# The columns of order_items, and two that its contract does not know: 12 in all.
_COLUMNS = {
    "order_id": ("VARCHAR", "'O' || LPAD(CAST(FLOOR({n} / 4) AS VARCHAR), 9, '0')"),
    "line_number": ("BIGINT", "{n} % 4 + 1"),
    "product_id": ("VARCHAR", "'P' || LPAD(CAST({n} * 7919 % 20000 AS VARCHAR), 6, '0')"),
    "quantity": ("BIGINT", "{n} % 9 + 1"),
    "unit_price": ("NUMBER(14,2)", "{n} * 104729 % 50000 / 100"),
    "discount": ("NUMBER(14,2)", "{n} % 500 / 100"),
    "line_amount": ("NUMBER(14,2)", "{n} * 31 % 900000 / 100"),
    "is_deleted": ("BOOLEAN", "{n} % 97 = 0"),
    "created_at": ("TIMESTAMP_NTZ", "DATEADD(SECOND, FLOOR({n} / 50), '2025-01-01'::TIMESTAMP_NTZ)"),
    "updated_at": ("TIMESTAMP_NTZ", "DATEADD(SECOND, FLOOR({n} / 40), '2025-01-02'::TIMESTAMP_NTZ)"),
    "note": ("VARCHAR", "MD5(CAST({n} AS VARCHAR))"),
    "weight": ("FLOAT", "{n} % 1000 / 7.0"),
}


class Cloud:
    def __init__(
        self, settings: LocalSettings, folder: Path, servers: Sequence[subprocess.Popen[bytes]]
    ) -> None:
        self.folder, self._settings, self._servers = folder, settings, servers
        self._secret = {
            "account": "local",
            "user": "bench",
            "role": "ANY",
            "warehouse": "ANY",
            "database": "SHOP",
            "host": LOOPBACK,
            "port": settings.snowflake_port,
            "protocol": "http",
        }
        self._environment = process_environment(settings) | {
            "PYTHONPATH": str(ROOT),
            "BENCH_SNOWFLAKE": json.dumps(self._secret),
        }

    def prepare(self) -> None:
        aws, url = session(self._settings), self._settings.aws_url
        create_bucket(aws.client("s3", endpoint_url=url), resources.LAKE)
        for name in ("bronze", "quarantine"):
            aws.client("glue", endpoint_url=url).create_database(DatabaseInput={"Name": name})
        create_table(aws.client("dynamodb", endpoint_url=url), resources.WATERMARKS)
        secret = self._secret | {"private_key": key_pair(self.folder)}
        aws.client("secretsmanager", endpoint_url=url).create_secret(
            Name=SECRET, SecretString=json.dumps(secret)
        )

    def fill(self, rows: int) -> None:
        _say(f"filling a table of {rows:,} rows ...")
        columns = ", ".join(f"{name} {type_}" for name, (type_, _) in _COLUMNS.items())
        values = ", ".join(f"{value.format(n='n')}" for _, value in _COLUMNS.values())
        connection = snowflake.connector.connect(
            **{name: self._secret[name] for name in ("host", "port", "protocol", "account", "user")},
            password="any",  # noqa: S106 - the local Snowflake asks for none
        )
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS SHOP")
            cursor.execute("CREATE SCHEMA IF NOT EXISTS SHOP.PUBLIC")
            cursor.execute("USE SCHEMA SHOP.PUBLIC")
            cursor.execute(f"CREATE STAGE IF NOT EXISTS {STAGE} URL = 's3://{resources.LAKE.name}/'")
            cursor.execute(f"CREATE OR REPLACE TABLE {TABLE} ({columns})")
            for first in range(0, rows, _ROWS_OF_A_STATEMENT):
                count = min(_ROWS_OF_A_STATEMENT, rows - first)
                numbers = f"SELECT SEQ4() + {first} AS n FROM TABLE(GENERATOR(ROWCOUNT => {count}))"
                cursor.execute(f"INSERT INTO {TABLE} SELECT {values} FROM ({numbers})")

    def folder_of(self, way: str) -> str:
        return f"s3://{resources.LAKE.name}/bench/{way}"

    def forget_watermark(self) -> None:
        dynamodb = session(self._settings).client("dynamodb", endpoint_url=self._settings.aws_url)
        dynamodb.delete_item(TableName=resources.WATERMARKS.name, Key={"id": {"S": "shop/order_items"}})

    def servers_cpu(self) -> float:
        """CPU seconds of both servers so far."""
        times = (psutil.Process(server.pid).cpu_times() for server in self._servers)
        return float(sum(each.user + each.system for each in times))

    def measured(self, command: Sequence[str], name: str) -> tuple[dict[str, Any], measure.Cost]:
        log = self.folder / f"{name}.log"
        cost = measure.run(command, self._environment, log)
        return json.loads(log.read_text(errors="replace").splitlines()[-1]), cost


@contextmanager
def started(folder: Path, first_port: int) -> Iterator[Cloud]:
    shutil.rmtree(folder / "cloud", ignore_errors=True)
    settings = LocalSettings(
        aws_port=first_port, snowflake_port=first_port + 1, snowflake_memory="4GB", state=folder / "cloud"
    )
    refuse_taken_ports(declared_parts(settings)[:2])
    servers: list[subprocess.Popen[bytes]] = []
    with (folder / "servers.log").open("wb") as log:
        try:
            for part in declared_parts(settings)[:2]:
                environment = process_environment(settings) | {"PYTHONPATH": str(ROOT)}
                servers.append(subprocess.Popen(part.argv, env=environment, stdout=log, stderr=log))
                began, end = time.time(), time.monotonic() + settings.start_timeout
                while not part.is_ready(began):
                    if time.monotonic() > end or servers[-1].poll() is not None:
                        raise RuntimeError(f"{part.name} did not start: see {log.name}")
                    time.sleep(0.2)
            cloud = Cloud(settings, folder, servers)
            cloud.prepare()
            yield cloud
        finally:
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait(30)


def peers_python(folder: Path) -> Path:
    """The environment of the peers, made on first use."""
    wanted = ROOT / "bench" / "extract_peers.txt"
    home, done = folder / "peers", folder / "peers" / "installed.txt"
    python = home / "bin" / "python"
    if not done.exists() or done.read_text() != wanted.read_text():
        uv = str(Path(sys.executable).parent / "uv")
        _say("installing the peers in an environment of their own ...")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(wanted)], check=True
        )
        done.write_text(wanted.read_text())
    return python


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
