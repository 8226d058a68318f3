"""A flow's process imports what its first step needs, and no more: whoever starts a run waits for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each costs half a second to two.
FORBIDDEN = {
    *("pandas", "pandera", "pyiceberg.io.pyarrow", "pyiceberg.table", "pyspark"),
    *("hypothesis", "duckdb", "matplotlib", "xgboost", "moto", "fakesnow"),
}


@pytest.mark.parametrize(
    "module",
    ["cpg_daily", "cpg_backfill", "cpg_replay", "demand_forecast", "model_drift", "lake_maintenance"],
)
def test_importing_a_flow_does_not_import_what_later_steps_need(module: str) -> None:
    asked = f"import json, sys, flows.{module}; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    own = {"pyiceberg.table"} if module == "lake_maintenance" else set()  # tables are all that it is about
    assert FORBIDDEN & set(json.loads(shown)) - own == set()
