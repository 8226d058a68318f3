"""dbt's snapshot of the newest rows in bronze, run by dbt on DuckDB in an environment of its own (bench/history_dbt.txt).

Both strategies as the documentation has them, with hard deletes ending a row. A snapshot sees the newest row of a key, and
no row of one that is gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from bench import measure

STRATEGIES = {
    "timestamp": "strategy='timestamp', updated_at='changed_at'",
    "check": "strategy='check', updated_at='changed_at', check_cols=['first_name', 'last_name', 'email', 'phone', "
    "'address', 'city', 'state', 'zip_code', 'country', 'is_active', 'created_at']",
}
_WANTED = Path(__file__).with_suffix(".txt")
_PROJECT = """
name: history
profile: history
flags: {send_anonymous_usage_stats: false}
"""
_PROFILE = """
history:
  target: bench
  outputs:
    bench: {type: duckdb, path: history.duckdb, threads: 2, settings: {TimeZone: UTC}}
"""
_SNAPSHOT = """
{%% snapshot by_%s %%}
{{ config(schema='snapshots', unique_key='customer_id', hard_deletes='invalidate', %s) }}
SELECT * EXCLUDE (updated_at, is_tombstone, is_deleted), updated_at::TIMESTAMP AS changed_at
FROM (
    SELECT * FROM read_parquet({{ var('files') }})
    QUALIFY row_number() OVER (
        PARTITION BY customer_id ORDER BY updated_at DESC, is_tombstone DESC, extraction_timestamp DESC
    ) = 1
)
WHERE NOT is_tombstone AND NOT coalesce(is_deleted, false)
{%% endsnapshot %%}
"""


def environment(folder: Path) -> Path:
    """dbt's program, installed on first use."""
    home = folder / "peers"
    done, program = home / "installed.txt", home / "bin" / "dbt"
    if not done.exists() or done.read_text() != _WANTED.read_text():
        uv = str(Path(sys.executable).parent / "uv")
        print("installing dbt in an environment of its own ...", file=sys.stderr, flush=True)
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(home / "bin" / "python")]
        subprocess.run([*install, "-r", str(_WANTED)], check=True)
        done.write_text(_WANTED.read_text())
    return program


@dataclass
class Snapshot:
    """A dbt project with a snapshot for each strategy, and the database that it keeps."""

    dbt: Path
    folder: Path
    strategies: Sequence[str] = tuple(STRATEGIES)
    runs: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for name, text in {"dbt_project.yml": _PROJECT, "profiles.yml": _PROFILE}.items():
            self._write(name, text)
        for strategy in self.strategies:
            self._write(f"snapshots/{strategy}.sql", _SNAPSHOT % (strategy, STRATEGIES[strategy]))

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, files: Sequence[Path]) -> measure.Cost:
        self.runs += 1
        told = json.dumps({"files": [str(path.resolve()) for path in files]})
        at = str(self.folder.resolve())
        command = [str(self.dbt.absolute()), "snapshot", "--project-dir", at, "--profiles-dir", at]
        environ = {**os.environ, "TZ": "UTC", "DO_NOT_TRACK": "1"}
        profile = self.folder / "profiles.yml"
        profile.write_text(_PROFILE.replace("history.duckdb", f"{at}/history.duckdb"))
        log = self.folder / f"run-{self.runs}.log"
        return measure.run([*command, "--vars", told], environ, log)

    def rows(self, strategy: str, columns: str) -> list[tuple[Any, ...]]:
        """The history that a strategy has: these columns, and from and up to when they hold."""
        with duckdb.connect(str(self.folder / "history.duckdb"), read_only=True) as database:
            database.execute("SET TimeZone = 'UTC'")
            query = f"SELECT {columns}, dbt_valid_from, dbt_valid_to FROM main_snapshots.by_{strategy}"
            return list(database.execute(query).fetchall())
