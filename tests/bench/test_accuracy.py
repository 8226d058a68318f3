"""`make accuracy` says which set got worse, and in what; one small set is checked here."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from bench import accuracy
from bench.accuracy import METHODS, SETS, Held, main, verdict, with_oj
from bench.forecast import OURS, compare
from bench.forecast_features import Asked
from bench.forecast_ours import ABLATIONS
from bench.forecast_peers import PEERS
from bench.invented import KINDS, tables
from jobs.glue import session

REGIONS = ("R-0", "R-1", "R-2")
ORIGIN = date(2023, 7, 24)
SMALL = Held(0.41, 0.024, 0.10, (0.76, 0.84))
HELD = Held(0.30, 0.03, 0.05, (0.75, 0.85))


def figures(
    ours: float = 0.30,
    peer: float = 0.35,
    bias: float = 0.01,
    coverage: float = 0.8,
    without: float = 0.31,
    bias_without: float = -0.01,
) -> dict[str, Any]:
    """`without`: error of ours without any one correction."""
    found: dict[str, Any] = {method: {"wmape": 0.9} for method in PEERS}
    found |= {method: {"wmape": without, "bias": bias_without} for method in ABLATIONS}
    found["xgboost_plain"] = {"wmape": peer}
    of_ours = {"wmape": ours, "bias": bias, "coverage80": coverage}
    bounds = {"coverage80": 0.8, "width": 1.5}
    of_total = {"wmape": 0.1, **bounds, "added": bounds, "independent": bounds}
    parts = {"by_origin": {"2024-03-04": of_ours}, "by_level": {"total": of_total}}
    return {OURS: {**of_ours, **parts}, **found}


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (figures(), ""),
        # Worse than it was: by 3% it may be, by chance
        (figures(ours=0.308), ""),
        (figures(ours=0.31, without=0.32), "error above 0.300"),
        # Than a peer
        (figures(ours=0.20, peer=0.195), ""),
        (figures(ours=0.30, peer=0.29), "worse than xgboost plain"),
        # Bias and coverage, either way
        (figures(bias=-0.05, bias_without=0.05), ""),
        (figures(bias=-0.051, bias_without=0.05), "bias beyond 0.050"),
        (figures(bias=0.051, bias_without=0.05), "bias beyond 0.050"),
        (figures(coverage=0.75), ""),
        (figures(coverage=0.74), "coverage not 0.75 to 0.85"),
        (figures(coverage=0.86), "coverage not 0.75 to 0.85"),
        # Than without a correction: then it ought not to be made
        (figures(without=0.295), ""),
        # A smaller error is worth nothing that is bought by ordering less
        (figures(without=0.20, bias_without=-0.12), ""),
        (figures(bias=0.039, without=0.30, bias_without=0.03), ""),
        (figures(bias=0.045, without=0.30, bias_without=0.03), "worse than without lean; worse than without weights; "
                                                             "worse than without trust"),
        (figures(without=0.29), "worse than without lean; worse than without weights; worse than without trust"),
        (figures(ours=0.40), "error above 0.300; worse than xgboost plain; worse than without lean; "
                             "worse than without weights; worse than without trust"),
    ],
)  # fmt: skip
def test_ours_may_be_worse_by_chance_alone(found: dict[str, Any], wrong: str) -> None:
    line, good = verdict("heavy", HELD, found)
    assert good is (not wrong)
    assert line.splitlines()[0].endswith(f": WORSE: {wrong}" if wrong else ": good")
    assert f"best peer xgboost_plain {found['xgboost_plain']['wmape']:.3f}" in line


def test_all_peers_and_corrections_are_run() -> None:
    assert {*METHODS} == {OURS, *PEERS, *ABLATIONS}


def test_every_invented_world_is_held() -> None:
    assert {*KINDS} <= {*SETS}


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *, error: float) -> str | int | None:
    """Of all sets, whose figures are what is held, but for an error `error` times as large; with what it ends."""
    asked: list[Asked] = []
    there = {
        name: replace(one, files=lambda _, name=name: {"sales": Path(name)})
        for name, one in with_oj(folder).items()
    }
    monkeypatch.setattr(accuracy, "with_oj", lambda _: there)

    def measured(one: Asked, *_: Any, **__: Any) -> dict[str, Any]:
        os.write(1, b"what the jobs tell\n")
        asked.append(one)
        held = there[str(one.files["sales"])].held
        return figures(held.wmape * error, held.wmape * 1.2, 0.0, sum(held.coverage) / 2, held.wmape * 1.2)

    monkeypatch.setattr(accuracy, "compare", measured)
    try:
        main(["--keep", str(folder)])
    except SystemExit as end:
        return end.code
    finally:
        assert len(asked) == len(there)
        assert all(len(one.origins) >= 2 for one in asked)
    return None


@pytest.mark.parametrize(("error", "is_worse"), [(1.0, False), (1.06, True)])
def test_all_sets_are_judged_by_what_they_hold_and_four_lines_each_are_printed(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    error: float,
    is_worse: bool,
) -> None:
    for name in ("sales", "promotions"):
        (tmp_path / f"{name}.parquet").touch()  # oj lies there
    end = run(monkeypatch, tmp_path, error=error)
    told = capfd.readouterr()
    lines = told.out.splitlines()
    assert [line.split()[0] for line in lines[::4]] == [*SETS, "oj"]
    assert len(lines) == 4 * len(SETS) + 4
    assert all("2024-03-04" in line for line in lines[2::4])
    assert all("total 0.100, 0.80, 1.50" in line for line in lines[3::4])
    assert told.err.count("what the jobs tell") == len(SETS) + 1
    assert end == (
        f"worse than it was, than a peer, or than without a correction: {', '.join([*SETS, 'oj'])}"
        if is_worse
        else None
    )


def test_oj_is_held_where_it_lies(tmp_path: Path) -> None:
    assert "oj" not in with_oj(tmp_path)
    for name in ("sales", "promotions"):
        (tmp_path / f"{name}.parquet").touch()
    found = with_oj(tmp_path)["oj"]
    assert found.files(Path("elsewhere")) == {
        name: tmp_path / f"{name}.parquet" for name in ("sales", "promotions")
    }
    assert found.held.wmape <= 0.41
    assert found.held.most_bias <= 0.05
    assert found.held.coverage == (0.75, 0.85)


@pytest.mark.spark
def test_ours_beats_every_peer_where_promotions_are_frequent(spark: SparkSession, tmp_path: Path) -> None:
    """Three regions of that world at one origin: ten seconds of Spark, and as many of models."""
    session.configure(spark)
    files = {}
    for name, table in tables("frequent").items():
        files[name] = tmp_path / f"{name}.parquet"
        here = table["region_code"].isin(REGIONS) if "region_code" in table else slice(None)
        table.loc[here].to_parquet(files[name], index=False)
    found = compare(Asked(files, 8, [ORIGIN], 60), lambda: spark, METHODS, levels=True)
    line, good = verdict("frequent, small", SMALL, found)
    assert good, line
    assert found[OURS]["wmape"] < 0.9 * min(found[peer]["wmape"] for peer in PEERS), line
