"""When a slice needs no work, and when it needs it again."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from jobs.glue.curation import manifest
from tasks.errors import DataError
from tasks.intake.landing import InputFile, Slice
from tasks.intake.rules import delivery
from tasks.lake import lake_commits, lake_log, lake_tables
from tasks.lake.lake_commits import Commit
from tasks.publishing import curation, publication
from tasks.publishing.curated import Counts, Curated
from tasks.publishing.curation import Plan
from tasks.services import objects
from tasks.settings import settings
from tests.tasks.conftest import DAY
from tests.tasks.lake.test_lake_commits import put

FIGURES = {
    "rows_raw": 1,
    "rows_published": 1,
    "rows_superseded": 0,
    "rows_quarantined": 0,
    "repeats": 0,
}
ADDRESS = "s3://highwater-lake/runs/g-1/figures.json"


def sales(body: str = "rows", *, replay: bool = False) -> Slice:
    address = f"s3://highwater-lake/{delivery('sales').address(DAY)}a.parquet"
    objects.write(address, body.encode())
    return Slice("sales", (InputFile(address, DAY, 1, {}, objects.head(address).etag, replay=replay),))


def publish(slice_: Slice) -> None:
    put("curated/sales/data/w1/published/a.parquet", order_id=["a"])
    document = {
        "datasets": {
            "sales": {
                **FIGURES,
                "rows_written": 1,
                "rows_survivors": 0,
                "by_date": {str(DAY): FIGURES},
                "reasons": {},
                "uncast": {},
                "touched_files": [],
            }
        }
    }
    objects.write(ADDRESS, json.dumps(document).encode())
    counts = Counts.read(FIGURES)
    output = "s3://highwater-lake/curated/sales/data/w1"
    publication.publish(
        Curated(slice_, "w1", None, output, counts, {DAY: counts}, {}, {}, (), "jr", ADDRESS), "run-1"
    )


def test_unchanged_is_the_same_input_seen_by_the_same_code(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert curation.unchanged(sales()) is None
    publish(sales())
    same = curation.unchanged(sales())
    assert same
    assert (same.unchanged, same.work, same.total.rows_published) == (True, "w1", 1)
    assert curation.unchanged(sales("other rows")) is None
    assert curation.unchanged(sales(replay=True)) is None
    monkeypatch.setattr(settings(), "code_version", "next")
    assert curation.unchanged(sales()) is None


def test_works_of_other_code_input_or_base_are_other_jobs(
    empty_lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        Plan.of([sales()]).key,
        Plan.of([sales("other rows")]).key,
        Plan.of([sales(), Slice("sku", ())]).key,
    }
    monkeypatch.setattr(settings(), "code_version", "next")
    keys.add(Plan.of([sales()]).key)
    publish(sales())
    keys.add(Plan.of([sales()]).key)
    assert len(keys) == 5


def test_the_same_work_in_two_jobs_has_two_places(empty_lake: None) -> None:
    """Each job empties its place first: one place for both would lose what the other had published."""
    alone, grouped = Plan.of([sales()]), Plan.of([sales(), Slice("sku", ())])
    assert alone.works["sales"] == grouped.works["sales"]
    for place in (Plan.output, Plan.quarantine, Plan.staging):
        assert place(alone, "sales", 1) != place(grouped, "sales", 1)


def test_the_job_is_told_what_is_known_of_each_live_file(empty_lake: None) -> None:
    assert history_in_manifest() == []
    files = [
        put(
            f"curated/sales/data/w1/published/{name}.parquet",
            order_id=pa.array(orders, pa.string()),
            sku_code=pa.array(["SKU-1"] * len(orders), pa.string()),
            source_date=pa.array([DAY] * len(orders), pa.date32()),
            quantity=pa.array([2] * len(orders), pa.int64()),
        )
        for name, orders in [("b", ["SO-2", "SO-10"]), ("a", ["SO-3"]), ("empty", [])]
    ]
    lake_commits.publish(
        "curated",
        "sales",
        "s3://highwater-lake/curated/sales",
        Commit("w1", "run-1", (DAY,), "1.0.0", tuple(files)),
        None,
    )
    known = {"sku_code": ["SKU-1", "SKU-1"], "source_date": [str(DAY), str(DAY)]}
    assert history_in_manifest() == [
        {"path": files[1], "bounds": {"order_id": ["SO-3", "SO-3"], **known}},
        {"path": files[0], "bounds": {"order_id": ["SO-10", "SO-2"], **known}},
    ]


def history_in_manifest() -> list[dict[str, Any]]:
    address = Plan.of([sales()]).request(1, "run-1")["--manifest"]
    (entry,) = objects.read_json(address)["datasets"]
    (work,) = manifest.parse(json.dumps({"run_id": "run-1", "datasets": [entry]}), address)
    assert [file.path for file in work.history] == [file["path"] for file in entry["history"]]
    plan = Plan.of([sales()])
    assert work.places == {
        "output": plan.output("sales", 1),
        "quarantine": plan.quarantine("sales", 1),
        "staging": plan.staging("sales", 1),
    }
    history: list[dict[str, Any]] = entry["history"]
    return history


def test_figures_that_are_cut_off_are_named(empty_lake: None) -> None:
    publish(sales())
    objects.write(ADDRESS, b'{"datasets": ')
    with pytest.raises(
        DataError, match=r"runs/g-1/figures\.json is not JSON .* remove it and run the date again"
    ):
        curation.unchanged(sales())
    assert lake_log.last_notes(lake_tables.load(lake_tables.CURATED, "sales"))["figures"] == ADDRESS


def test_a_large_backfills_figures_go_to_cloudwatch_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.publishing import quality

    sent: list[list[Any]] = []
    held = 0

    def findings() -> Any:
        nonlocal held
        for n in range(1200):
            held = n
            yield quality.Finding("sales", DAY, f"m{n}", 1.0, 1.0, True)

    class CloudWatch:
        def put_metric_data(self, *, Namespace: str, MetricData: list[Any]) -> None:
            assert held < 500 * (len(sent) + 1) + 1
            sent.append(MetricData)

    monkeypatch.setattr(quality.aws, "cloudwatch", CloudWatch)
    quality.emit(findings())
    assert [len(batch) for batch in sent] == [500, 500, 200]
    assert sent[2][-1]["MetricName"] == "m1199"
