"""The churn model's rows are where the job wrote them, and a day that cannot be learned from is refused."""

from __future__ import annotations

import logging
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.churn import churn_dataset
from tasks.churn.churn_dataset import Dataset, build, require_evaluation, require_fresh
from tasks.churn.churn_inputs import Inputs, origins
from tasks.errors import DataError
from tasks.lake import lake_tables

AS_OF = date(2026, 3, 1)
FIGURES: dict[str, Any] = {
    "rows_history": 900,
    "rows_future": 130,
    "rows_refused": 4,
    "churned": 300,
    "origins": [{}, {}],
    "future": {"refused": {"deleted": 4}},
    "last_order": "2026-02-28",
    "outcomes": [{"as_of": "2025-12-01", "horizon_days": 60, "rows": 70, "churned": 20}],
}
INPUTS = Inputs(AS_OF, 60, {"fact_orders": 7, "ml_features": None}, ("s3://lake/a",), origins(AS_OF, 60))


def test_the_rows_are_where_the_jobs_run_has_written_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: dict[str, Any] = {}

    def run(kind: str, job: str, work: str, request: Any, owner: str) -> Any:
        asked.update(kind=kind, job=job, work=work, owner=owner, **request(3))
        return SimpleNamespace(attempt=3, external_id="jr_9")

    monkeypatch.setattr(churn_dataset.external_jobs, "run", run)
    monkeypatch.setattr(lake_tables, "files_of", lambda *_: ["s3://lake/s.parquet"])
    manifests: list[dict[str, Any]] = []

    def write(bucket: str, key: str, manifest: dict[str, Any]) -> str:
        manifests.append(manifest)
        return f"s3://{bucket}/{key}"

    monkeypatch.setattr(churn_dataset.landing, "write_manifest", write)
    monkeypatch.setattr(churn_dataset.objects, "read_json", lambda address: {**FIGURES, "read": address})
    caplog.set_level(logging.INFO, "highwater")
    made = build(INPUTS, "run-1", "owner-1")
    lake, key = "s3://highwater-lake", INPUTS.key
    assert asked == {
        "kind": "glue",
        "job": "highwater-churn-dataset",
        "work": f"churn-dataset/{key}",
        "owner": "owner-1",
        "--manifest": f"{lake}/runs/churn-dataset-{key}-3/manifest.json",
        "--figures": f"{lake}/runs/churn-dataset-{key}-3",
    }
    assert made.figures["read"] == f"{lake}/runs/churn-dataset-{key}-3/jr_9/figures.json"
    assert (made.history, made.future, made.refused) == tuple(
        f"{lake}/ml/churn_dataset/rows/{key}-3/jr_9/{folder}/" for folder in ("history", "future", "refused")
    )
    assert (made.key, made.as_of, made.horizon_days, made.job_run_id) == (key, AS_OF, 60, "jr_9")
    assert (made.rows_future, made.rows_refused) == (130, 4)
    scored = date(2025, 12, 1)
    assert made.outcomes == {scored: 70}
    # Those are published where they are, the others are for this run alone.
    assert made.outcomes_of(scored) == f"{lake}/ml/churn_outcomes/data/{key}-3/jr_9/day=2025-12-01/"
    assert manifests == [
        {
            **INPUTS.manifest("run-1", f"{lake}/ml/churn_dataset/rows/{key}-3"),
            "outcomes": f"{lake}/ml/churn_outcomes/data/{key}-3",
        }
    ]
    assert "rows_history=900 churned=300 rows_future=130" in caplog.text


def test_an_evaluation_needs_an_origin_a_horizon_before_the_latest() -> None:
    def made(*days: str) -> Dataset:
        figures = {"origins": [{"as_of": day} for day in days], "first_order": "2025-05-01"}
        return Dataset(Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", figures, None)

    require_evaluation(made("2025-12-28", "2025-11-30", "2025-10-26"))
    with pytest.raises(
        DataError, match=r"evaluation of 2025-12-28 needs an origin 60 days before it.* is 56 days before"
    ):
        require_evaluation(made("2025-12-28", "2025-11-30", "2025-11-02"))


@pytest.mark.parametrize(
    ("last", "allowed", "refused"),
    [("2026-02-26", 3, False), ("2026-02-25", 3, True), ("2026-02-25", 4, False)],
)
def test_where_the_last_order_is_old_nobody_is_called_churned(last: str, allowed: int, refused: bool) -> None:
    made = Dataset(Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", {"last_order": last}, None)
    if refused:
        with pytest.raises(
            DataError, match=r"last order in silver is of 2026-02-25, 4 days before 2026-03-01"
        ):
            require_fresh(made, allowed)
    else:
        require_fresh(made, allowed)


def test_the_share_of_features_that_nobody_noted() -> None:
    origins = [{"by_features": {"store": 60, "reconstructed": 20}}, {"by_features": {"reconstructed": 20}}]
    made = Dataset(
        Inputs(AS_OF, 60, {}, (), ()), "s3://lake/x", {"origins": origins, "rows_history": 100}, None
    )
    assert made.reconstructed_share == 0.4
