"""Build a layer of the dbt models (warehouse/dbt) in a subprocess, and tell what came of each model and test.

dbt lives in an environment of its own (.venv-dbt), because its packages and Prefect's do not agree on versions.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.artifacts import create_table_artifact

import warehouse
from tasks.errors import DataError, SystemFault, TransientError
from tasks.runs.monitoring import QualityRecord
from tasks.runs.run import Run
from tasks.services.snowflake import query_tag
from tasks.services.snowflake_secret import read_secret
from tasks.settings import settings
from warehouse.names import identifier

PROJECT = Path(warehouse.__file__).parent / "dbt"
LAYERS = ("marketing/stage", "marketing/marts")
SUCCEEDED, WARNED, SKIPPED = frozenset({"success", "pass"}), "warn", "skipped"
_FAILED_TEST = "fail"
_PASSED_ON = ("PATH", "HOME", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_TOLD_OF_OUTPUT = 2000


@dataclass(frozen=True)
class Node:
    """A model or a test that dbt ran. `rows`: what a test found amiss."""

    name: str
    kind: str
    status: str
    seconds: float
    rows: int | None
    message: str | None

    @property
    def passed(self) -> bool:
        return self.status in SUCCEEDED


def build(run: Run, layer: str, shown: Callable[[str, Sequence[Node]], None] | None = None) -> list[Node]:
    """Make the layer's models and run their tests. `require_passed` judges the result; `shown` is called with it, if there
    is any, before an error of dbt is raised."""
    with tempfile.TemporaryDirectory() as scratch:
        done, nodes = _built(run, layer, Path(scratch))
    if nodes and shown:
        shown(layer, nodes)
    if done.returncode and not any(node.status == _FAILED_TEST for node in nodes):
        _raise_error(layer, done, nodes)
    return nodes


def require_passed(layer: str, nodes: Sequence[Node]) -> None:
    """Raise DataError if a test failed."""
    if broken := [node for node in nodes if node.status == _FAILED_TEST]:
        told = "; ".join([f"{node.name} found {node.rows} rows" for node in broken] + _errors(nodes))
        raise DataError(
            f"dbt's tests of {layer} failed: {told}. The models are in {PROJECT / 'models' / layer}."
        )


def checks(run: Run, nodes: Sequence[Node]) -> list[QualityRecord]:
    """The tests as records of quality: the value is the number of rows that a test found amiss. Warnings only count."""
    return [
        QualityRecord(
            run.run_id, run.first, "engagement", node.name, node.rows, 0, node.passed or node.status == WARNED
        )
        for node in nodes
        if node.kind == "test" and node.status != SKIPPED
    ]


def _built(run: Run, layer: str, scratch: Path) -> tuple[subprocess.CompletedProcess[str], list[Node]]:
    command = [
        *(str(settings().dbt), "--no-version-check", "build", "--select", f"path:models/{layer}"),
        *("--indirect-selection", "buildable"),  # no test of a model that a later layer makes
        *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT)),
        *("--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")),
    ]
    doing = f"running dbt ({settings().dbt}) for {layer}"
    try:
        done = subprocess.run(  # noqa: S603
            command,
            env=_environment(run, layer, scratch),
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=settings().statement_seconds_mart,
        )
    except FileNotFoundError as error:
        raise SystemFault(f"{doing}: it is not there. Run `make setup`, or set HIGHWATER_DBT.") from error
    except subprocess.TimeoutExpired as error:
        raise SystemFault(
            f"{doing}: not done after {error.timeout:.0f} s (HIGHWATER_STATEMENT_SECONDS_MART)"
        ) from error
    results = scratch / "target" / "run_results.json"
    return done, nodes_of(json.loads(results.read_text())) if results.exists() else []


def _environment(run: Run, layer: str, scratch: Path) -> dict[str, str]:
    """What dbt may know: the connection, and of this process's own environment only how to run a program."""
    secret = read_secret(settings().snowflake_secret)
    given = {
        "account": secret["account"],
        "user": secret["user"],
        "role": secret["role"],
        "warehouse": secret["warehouse"],
        "database": identifier(settings().database),
        "query_tag": query_tag(run.flow, run.run_id, f"dbt {layer}"),
        "private_key_path": str(_key_file(secret["private_key"], scratch)),
        **{name: str(secret[name]) for name in ("host", "port", "protocol") if name in secret},
    }
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **{f"HIGHWATER_DBT_{name.upper()}": value for name, value in given.items()},
    }


def _key_file(private_key: str, scratch: Path) -> Path:
    path = scratch / "key.pem"
    path.touch(mode=0o600)
    path.write_text(private_key)
    return path


def nodes_of(run_results: Mapping[str, Any]) -> list[Node]:
    return [
        Node(
            name=result["unique_id"].split(".")[2],
            kind=result["unique_id"].split(".")[0],
            status=result["status"],
            seconds=round(result["execution_time"], 3),
            rows=result["failures"],
            message=result["message"],
        )
        for result in run_results["results"]
    ]


def _raise_error(layer: str, done: subprocess.CompletedProcess[str], nodes: Sequence[Node]) -> None:
    errors = _errors(nodes)
    told = "; ".join(errors) or f"exit code {done.returncode}: {done.stdout[-_TOLD_OF_OUTPUT:]}"
    message = f"dbt could not build {layer}: {told}"
    # dbt has no codes. An error of the database before any result is a connection that failed; all else stays as it is.
    is_connection = not nodes and re.search(r"database error", done.stdout, re.IGNORECASE)
    raise TransientError(message) if is_connection else SystemFault(message)


def _errors(nodes: Sequence[Node]) -> list[str]:
    return [f"{node.name}: {node.message}" for node in nodes if node.status == "error"]


def page(layer: str, nodes: Sequence[Node]) -> None:
    """Show the result on the run's page."""
    failed = sum(not node.passed and node.status not in (WARNED, SKIPPED) for node in nodes)
    warned = sum(node.status == WARNED for node in nodes)
    create_table_artifact(
        key=f"dbt-{layer.replace('/', '-')}",
        description=f"dbt {layer}: {len(nodes)} models and tests, {failed} failed, {warned} with a warning",
        table=[
            {
                "name": node.name,
                "kind": node.kind,
                "status": node.status,
                "seconds": node.seconds,
                "rows amiss": node.rows,
                "message": node.message,
            }
            for node in sorted(nodes, key=lambda node: (node.passed, node.name))
        ],
    )
