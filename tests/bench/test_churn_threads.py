"""The rows of the benchmark do not depend on how many threads the linear algebra may use, whatever the environment says."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
from datetime import date
import hashlib
import pandas as pd
from bench.churn import compare
from bench.churn_worlds import grocer
_, rows = compare(grocer(customers=1_200), [date(2007, 3, 1)], 60)
for method, of in rows.groupby("method"):
    print(method, hashlib.sha256(of["probability"].to_numpy().tobytes()).hexdigest())
"""
VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def told(threads: int) -> str:
    given = {name: str(threads) for name in VARIABLES}
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "OMP_WAIT_POLICY": "passive", **given},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_one_thread_and_two_give_the_same_rows() -> None:
    assert told(1) == told(2)
