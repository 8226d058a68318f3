"""The nightly accuracy check says which set got worse, than it was or than a peer; one small set is checked here."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from bench.accuracy import METHODS, SETS, verdict
from bench.forecast import OURS, compare
from bench.forecast_features import Asked
from bench.invented import tables
from jobs.glue import session

REGIONS = ("R-0", "R-1", "R-2")
ORIGIN = date(2023, 7, 24)
HELD = 0.41


def figures(ours: float, peer: float) -> dict[str, Any]:
    rest = {"bias": 0.01, "coverage80": 0.8}
    return {"ours": {"wmape": ours, **rest}, "mean4": {"wmape": 0.9}, "xgboost_plain": {"wmape": peer}}


@pytest.mark.parametrize(
    ("ours", "peer", "good"),
    [(0.30, 0.35, True), (0.309, 0.35, True), (0.32, 0.35, False), (0.30, 0.28, False), (0.20, 0.195, True)],
)
def test_ours_may_be_worse_by_chance_alone(ours: float, peer: float, good: bool) -> None:
    line, found = verdict("heavy", 0.30, figures(ours, peer))
    assert found is good
    assert f"xgboost_plain {peer:.3f}" in line
    assert line.endswith("good" if good else "WORSE")


def test_every_invented_world_is_held() -> None:
    assert {"heavy", "flagged", "intermittent", "frequent"} <= set(SETS)
    assert all(len(one.origins) >= 2 for one in SETS.values())


@pytest.mark.spark
def test_ours_beats_every_peer_where_promotions_are_frequent(spark: SparkSession, tmp_path: Path) -> None:
    """Three regions of that world at one origin: ten seconds of Spark, and as many of models."""
    session.configure(spark)
    files = {}
    for name, table in tables("frequent").items():
        files[name] = tmp_path / f"{name}.parquet"
        here = table["region_code"].isin(REGIONS) if "region_code" in table else slice(None)
        table.loc[here].to_parquet(files[name], index=False)
    found = compare(Asked(files, 8, [ORIGIN], 60), lambda: spark, METHODS)
    line, good = verdict("frequent, small", HELD, found)
    assert good, line
    assert found[OURS]["wmape"] < 0.9 * min(found[peer]["wmape"] for peer in METHODS if peer != OURS), line
