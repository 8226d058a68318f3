"""The nightly accuracy check says which set got worse, than it was or than a peer."""

from __future__ import annotations

from typing import Any

import pytest

from bench.accuracy import SETS, verdict


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
