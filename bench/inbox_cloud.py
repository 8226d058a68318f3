"""A local cloud for the inbox's benchmark: put files, ask the warehouse, load the same bytes by other ways."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench import measure
from local import cloud, resources
from local.aws_resources import session
from local.environment import process_environment
from local.settings import LocalSettings
from local.sql import connect
from local.supervisor import Supervisor

ROOT = Path(__file__).parents[1]
INBOX, LAKE = resources.INBOX.name, resources.LAKE.name
PEERS = "bench"
"""Folder of the lake bucket from which the peers load."""
_COPY_FILES = 1_000
_COLUMNS = ("store_token", "transaction_id", "receipt_token", "transaction_time", "amount", "user_role")
_POLL_SECONDS = 0.25


class Late(RuntimeError):
    pass


class Cloud:
    def __init__(self, settings: LocalSettings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        self.environment = process_environment(settings) | {"PYTHONPATH": str(ROOT)}
        self.s3 = session(settings).client("s3", endpoint_url=settings.aws_url)
        self._connection = connect(settings)

    def one(self, statement: str) -> Any:
        return self.row(statement)[0]

    def row(self, statement: str) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            return tuple(cursor.execute(statement).fetchone())

    def until(self, statement: str, wanted: int, seconds: float) -> None:
        """Ask until the answer is what is wanted."""
        end = time.monotonic() + seconds
        while (found := self.one(statement)) != wanted:
            if found > wanted:
                raise RuntimeError(f"{statement}: {found}, more than {wanted}")
            if time.monotonic() > end:
                raise Late(f"{statement}: {found} instead of {wanted} after {seconds:.0f} s")
            time.sleep(_POLL_SECONDS)

    def until_idle(self, seconds: float = 600) -> None:
        """Wait until no run of the inbox is at work and no file waits."""
        end = time.monotonic() + seconds
        asked = {
            "flows": {"name": {"any_": ["retail-inbox"]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}},
        }
        while time.monotonic() < end:
            answer = httpx.post(f"{self.settings.prefect_api_url}/flow_runs/count", json=asked, timeout=30)
            waits = self.s3.list_objects_v2(Bucket=INBOX, Prefix="inbox/").get("KeyCount", 0)
            if answer.raise_for_status().json() == 0 and waits == 0:
                return
            time.sleep(_POLL_SECONDS)
        raise Late(f"the inbox was still at work after {seconds:.0f} s")

    def stop_listener(self) -> None:
        Supervisor(self.settings).stop(cloud.listener_of(self.settings))

    def run(self, key: str) -> tuple[dict[str, Any], measure.Cost]:
        """A run of retail-inbox for one file, in a process that does nothing else."""
        return self._measured([sys.executable, "-m", "bench.inbox_run", key], "run", {})

    def copy(self, table: str, keys: Sequence[str]) -> dict[str, Any]:
        """COPY INTO of CSV files as they are, into columns of text. Nothing is judged."""
        columns = ", ".join(f"{name} VARCHAR" for name in _COLUMNS)
        started = time.monotonic()
        with self._connection.cursor() as cursor:
            cursor.execute(f"CREATE OR REPLACE TABLE HIGHWATER.RAW.{table} ({columns})")
            for first in range(0, len(keys), _COPY_FILES):
                files = ", ".join(f"'{key}'" for key in keys[first : first + _COPY_FILES])
                cursor.execute(
                    f"COPY INTO HIGHWATER.RAW.{table} FROM @HIGHWATER.CURATED.LAKE FILES = ({files}) "
                    "FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)"
                )
        seconds = time.monotonic() - started
        return {
            "seconds": round(seconds, 3),
            "rows": self.one(f"SELECT COUNT(*) FROM HIGHWATER.RAW.{table}"),
        }

    def dlt(self, python: Path, prefix: str, table: str, reader: str) -> tuple[dict[str, Any], measure.Cost]:
        secrets = session(self.settings).client("secretsmanager", endpoint_url=self.settings.aws_url)
        secret = json.loads(
            secrets.get_secret_value(SecretId=resources.SNOWFLAKE_SECRET.name)["SecretString"]
        )
        # dlt makes a schema of its own, which flows may not.
        secret |= {"user": resources.ADMINISTRATOR, "role": "ACCOUNTADMIN"}
        secret |= {"stage": resources.WAREHOUSE.stages[0].name}
        command = [str(python), str(ROOT / "bench" / "inbox_dlt.py")]
        command += ["--url", f"s3://{LAKE}/{prefix}", "--bucket", LAKE, "--table", table]
        command += ["--home", str(self.folder / "dlt-state"), "--reader", reader]
        found, cost = self._measured(
            command, table, {"BENCH_SNOWFLAKE": json.dumps(secret), "PYTHONPATH": ""}
        )
        assert self.one(f"SELECT COUNT(*) FROM HIGHWATER.BENCH_DLT.{table}") == found["rows"]
        return found, cost

    def _measured(
        self, command: Sequence[str], name: str, more: dict[str, str]
    ) -> tuple[dict[str, Any], measure.Cost]:
        log = self.folder / f"{name}.log"
        cost = measure.run(command, self.environment | more, log)
        return json.loads(log.read_text(errors="replace").splitlines()[-1]), cost


@contextmanager
def started(folder: Path, first_port: int) -> Iterator[Cloud]:
    settings = LocalSettings(
        prefect_port=first_port,
        aws_port=first_port + 1,
        snowflake_port=first_port + 2,
        listener_port=first_port + 3,
        inbox_listener=True,
        snowflake_memory="10GB",  # a transaction of a gigabyte, which no laptop's demo has
        state=folder / "cloud",
    )
    os.environ["HIGHWATER_SCHEDULES_ACTIVE"] = "false"  # a sweep would take what a measurement put there
    try:
        cloud.up(settings, lambda told: print(told, file=sys.stderr, flush=True))
        yield Cloud(settings, folder)
    finally:
        cloud.down(settings)


def dlt_python(folder: Path) -> Path:
    """The environment of dlt, made on first use."""
    wanted = (ROOT / "bench" / "inbox_dlt.txt").read_text()
    home, done = folder / "dlt", folder / "dlt" / "installed.txt"
    python = home / "bin" / "python"
    if not done.exists() or done.read_text() != wanted:
        uv = str(Path(sys.executable).parent / "uv")
        print("installing dlt in an environment of its own ...", file=sys.stderr, flush=True)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        requirements = str(ROOT / "bench" / "inbox_dlt.txt")
        subprocess.run(
            [uv, "pip", "install", "--quiet", "--python", str(python), "-r", requirements], check=True
        )
        done.write_text(wanted)
    return python
