"""Orphans: what nothing names goes at the second look, and nothing else ever does."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from local import resources
from local.aws_resources import create_table
from tasks.errors import SystemFault
from tasks.intake.landing import Slice
from tasks.lake import lake_commits
from tasks.lake.lake_commits import Commit
from tasks.leases import job_entry, lease, run_lease
from tasks.maintenance import compaction, expiry, orphans, report
from tasks.maintenance.compaction import Sizes
from tasks.maintenance.expiry import Head, Rule
from tasks.maintenance.orphans import Everything, Look
from tasks.maintenance.report import Tidied
from tasks.publishing.curation import Plan
from tasks.services import aws
from tests.tasks.maintenance.lake import BUCKET, DAY, LATER, NOW, days, files, keys, publish, put, rows, table

WEEK = timedelta(days=7)
LEFT = "curated/sales/data/w-dead-1/published/part-0.parquet"


@pytest.fixture
def lake(empty_lake: None) -> None:
    create_table(aws.dynamodb(), resources.LEDGER)


def look(
    now: datetime = LATER,
    earlier: dict[str, str] | None = None,
    name: str = "sales",
    namespace: str = "curated",
) -> Look:
    everything = Everything(["curated.sales", "quarantine.sales"])
    return orphans.look(table(name, namespace), everything, now - WEEK, earlier or {})


def put_aside(*files: str) -> None:
    commit = Commit("w1", "r", (DAY,), "1", files)
    lake_commits.amend("quarantine", "sales", f"s3://{BUCKET}/quarantine/sales", lambda _: commit)


def s3(*found: str) -> set[str]:
    return {f"s3://{BUCKET}/{key}" for key in found}


def test_an_orphan_is_deleted_at_the_second_look_and_not_before(lake: None) -> None:
    days(2)
    put(LEFT, order_id=["x"])
    put("raw/sap/sales_orders/year=2025/month=01/day=01/part-0.parquet", order_id=["x"])
    put("mended/sales/2025-01-01/0123", order_id=["x"])
    put("curated/other/data/w1/published/a.parquet", order_id=["x"])  # no table of this name
    before = keys()
    first = look()
    assert set(first.candidates) == s3(LEFT)
    assert first.deleted == ()
    assert keys() == before
    second = look(earlier=first.candidates)
    assert second.deleted == tuple(s3(LEFT))
    assert second.candidates == {}
    assert keys() == {key: etag for key, etag in before.items() if key != LEFT}
    assert len(rows()) == 4


def test_what_changed_between_the_looks_or_is_young_stays(lake: None) -> None:
    days(1)
    put(LEFT, order_id=["x"])
    assert look(NOW).candidates == {}
    first = look()
    put(LEFT, order_id=["written again"])
    assert look(earlier=first.candidates).deleted == ()
    assert LEFT in keys()


def test_whatever_a_kept_snapshot_its_metadata_or_a_note_names_stays(lake: None) -> None:
    sighted = put("curated/sales/data/w0-g-1/sightings/part-0.parquet", order_id=["q"])
    publish("w0", DAY, "a", sightings=sighted)
    replaced = files()
    publish("w1", DAY, "b", removed=tuple(replaced))
    last = days(1, first=5)[-1]
    # Below curated/ as earlier releases wrote it, and as a run writes it now.
    earlier = put(
        "curated/sales/data/w1/quarantined/day=2025-01-01/p.parquet", raw_date=[DAY], order_id=["q"]
    )
    broken = put("quarantine/sales/data/w1/jr_1/day=2025-01-01/p.parquet", raw_date=[DAY], order_id=["q"])
    put_aside(earlier, broken)
    assert look().candidates == {}
    expiry.expire(table(), Rule(1, 1), Head(last), LATER)
    found = set(look().candidates)
    assert set(replaced) <= found
    assert not found & {sighted, earlier, broken, *files()}
    assert all(address in replaced or "/metadata/" in address for address in found)
    assert look(earlier=look().candidates).deleted == tuple(sorted(found))
    assert len(rows()) == 3
    assert sighted.removeprefix(f"s3://{BUCKET}/") in keys()


def test_what_a_killed_compaction_wrote_goes_and_what_a_compaction_replaced_stays_while_asked_for(
    lake: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = days(3)
    small = files()

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_commit", die)
        with pytest.raises(KeyboardInterrupt):
            compaction.compact(table(), "killed-1", Sizes(fewest=2))
    compaction.compact(table(), "next-run", Sizes(fewest=2))
    (left,) = look().candidates
    assert "-killed-1/compacted/" in left
    assert look(earlier=look().candidates).deleted == (left,)
    expiry.expire(table(), Rule(1, 1), Head(made[-1]), LATER)
    assert not set(small) & set(look().candidates)  # the newest publication is kept, and names them
    days(1, first=7)
    last = table().current_snapshot().snapshot_id
    expiry.expire(table(), Rule(1, 1), Head(last), LATER)
    assert set(small) <= set(look().candidates)
    assert len(rows()) == 8


def test_what_a_work_in_the_ledger_wrote_is_in_use(lake: None) -> None:
    """A run that is repeated within a month is given it, though nothing of it was published the first time."""
    days(1)
    plan = Plan((Slice("sales", ()),), {"sales": None})
    folder = plan.output("sales", 1).removeprefix(f"s3://{BUCKET}/")
    job = put(f"{folder}/jr_1/published/part-0.parquet", order_id=["x"])
    features = put("curated/sales/data/0123456789abcdef01234567-1/features/p.parquet", order_id=["x"])
    scores = put("curated/sales/data/0123456789abcdef01234567c0dec0dev3-1/part-0.parquet", order_id=["x"])
    assert set(look().candidates) == {job, features, scores}
    run_lease.begin("w-dead-of-a-compaction", "lake-maintenance").end("FAILED")
    assert set(look().candidates) == {job, features, scores}  # how a run ended says nothing of files
    rejected = plan.quarantine("sales", 1).removeprefix(f"s3://{BUCKET}/")
    put_aside(put("quarantine/sales/data/w1/jr_1/day=2025-01-01/p.parquet", raw_date=[DAY], order_id=["q"]))
    aside = put(f"{rejected}/jr_1/day=2025-01-01/p.parquet", raw_date=[DAY], order_id=["x"])
    assert set(look(namespace="quarantine").candidates) == {aside}
    works = {plan.key: "glue", "features/0123456789abcdef01234567": "glue"}
    works["churn-predict/0123456789abcdef01234567c0dec0dev3"] = "sagemaker-transform"
    for row, kind in works.items():
        entry = job_entry.claim(row, kind, "curate", "run")
        assert entry
        lease.renew(entry, status="SUCCEEDED")
    assert look().candidates == look(namespace="quarantine").candidates == {}
    assert look(earlier={job: "x"}).deleted == ()


def test_what_is_named_between_look_and_deletion_stays(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    base = days(1)[-1]
    file = put(LEFT, order_id=["late"])
    first = look()
    really = orphans.candidates

    def publish_meanwhile(*given: Any) -> Any:
        found = list(really(*given))
        commit = Commit("late", "r", (date(2025, 3, 1),), "1", (file,))
        lake_commits.publish("curated", "sales", f"s3://{BUCKET}/curated/sales", commit, base)
        return found

    monkeypatch.setattr(orphans, "candidates", publish_meanwhile)
    assert look(earlier=first.candidates).deleted == ()
    assert len(rows()) == 3


def test_a_table_that_lies_elsewhere_is_not_tidied(lake: None) -> None:
    put("raw/sales/data/x.parquet", order_id=["raw"])
    commit = Commit("w", "r", (DAY,), "1", (put("raw/sales/data/y.parquet", order_id=["y"]),))
    lake_commits.publish("curated", "odd", f"s3://{BUCKET}/raw/sales", commit, None)
    with pytest.raises(SystemFault, match=r"curated\.odd lies at s3://highwater-lake/raw/sales"):
        look(name="odd")


def test_the_second_look_goes_by_the_newest_report_that_is_old_enough(lake: None) -> None:
    def written(run: str, days_ago: int, *tables: Tidied) -> None:
        report.write(run, tables, NOW - timedelta(days=days_ago))

    def earlier() -> dict[str, dict[str, str]]:
        return report.earlier_candidates(["curated.sales", "curated.sku"], NOW - timedelta(days=1))

    assert earlier() == {}
    written("r0", 90, Tidied("curated.sku", look=Look({"s3://forgotten": "e"})))
    written("r1", 14, Tidied("curated.sales", look=Look({"s3://a": "1"})), Tidied("curated.sku", look=Look()))
    written("r2", 7, Tidied("curated.sales", look=Look({"s3://b": "2"})), Tidied("curated.sku"))
    written("r3", 0, Tidied("curated.sales", look=Look({"s3://c": "3"})))
    assert earlier() == {"curated.sales": {"s3://b": "2"}, "curated.sku": {}}
