"""Snowflake's role reads what the code hands to the warehouse, and nothing that the code rejects."""

from __future__ import annotations

import re
from datetime import date
from fnmatch import fnmatchcase

import pytest

from deployments import names
from tasks.churn import churn_folders, churn_publishing, churn_scoring
from tasks.extraction import bronze
from tasks.extraction.source import CONTRACTS
from tasks.forecast import forecast_jobs, predictions
from tasks.inbox import bundles
from tasks.intake.landing import Slice
from tasks.lake import lake_tables
from tasks.marketing import loading
from tasks.publishing import quarantine, replay
from tasks.publishing.curation import Plan, location
from tasks.runs import monitoring
from tasks.settings import settings
from tests.infra.test_prefixes import covers, listable, listed, statements_of
from warehouse.load.shop.copies import COPIES

_READING = ("s3:GetObject", "s3:GetObjectVersion")
LAKE = f"s3://{settings().lake_bucket}"
PLAN = Plan((Slice("promotions", ()),), {"promotions": None})
OUTPUT, QUARANTINE, STAGING = (
    f"{place(PLAN, 'promotions', 1)}/jr_1" for place in (Plan.output, Plan.quarantine, Plan.staging)
)
SCORED = churn_folders.rows("0123-1/jr_1")
ANSWERED = forecast_jobs.answered("0123", 1)
DAY = f"day={date(2025, 1, 6)}"
# An earlier release wrote there. Such files stay where they are; their corrected copies do not.
EARLIER = f"{LAKE}/curated/promotions/data/0123-1/jr_0/quarantined/{DAY}/part-0.parquet"

REJECTED = {
    "by the curation": f"{QUARANTINE}/{DAY}/part-0.parquet",
    "by the curation, on the way": f"{STAGING}/part/part=quarantined/part-0.parquet",
    "corrected since": quarantine.copy_of(f"{QUARANTINE}/{DAY}/part-0.parquet", "0" * 16),
    "corrected since, by an earlier release": quarantine.copy_of(EARLIER, "0" * 16),
    "corrected, to be curated again": f"{replay.copies('promotions')}0123.parquet",
    "ids of corrected rows": f"{quarantine.corrections_folder('promotions')}{date(2025, 1, 6)}/0123",
    "bounds of rejected values": f"{location(lake_tables.QUARANTINE, 'promotions')}/metadata/0123-m0.avro",
    "answers of a forecast, before they are judged": f"{ANSWERED}/part-0.parquet.out",
    "answers of the churn model, before they are judged": f"{LAKE}/{churn_scoring.ANSWERS}/0123-1/part-0.out",
    "customers who cannot be scored": f"{SCORED}/refused/part-0.parquet",
    **{
        f"by the extraction of {entity}": f"{bronze.quarantine(pipeline, entity).location}/data/x.parquet"
        for pipeline, entities in CONTRACTS.items()
        for entity in entities
    },
}
LOADED = {
    "published": f"{OUTPUT}/published/part-0.parquet",
    "published again": f"{OUTPUT}/survivors/part-0.parquet",
    "keys of rejected lines": f"{OUTPUT}/sightings/part-0.parquet",
    "rejected lines, sighted by an earlier release": EARLIER,
    "records of a run": f"{LAKE}/{monitoring.RECORDS}/0123.parquet",
    "partners' files": f"{LAKE}/{bundles.FOLDER}/run/0123/sales-rows-0.parquet",
    # Loaded into RAW.QUARANTINED_ROWS, where their text is masked; the lifecycle deletes the files.
    "partners' broken lines": f"{LAKE}/{bundles.FOLDER}/run/0123/sales-rejects-0.parquet",
    "customers and events": f"{LAKE}/{loading.FOLDER}/run/0123/rows.parquet",
    "predictions": f"{predictions.published(ANSWERED)}/part-00000.parquet",
    "scores": f"{churn_publishing.folder('0123', 1)}/part-0.parquet",
    "outcomes": f"{churn_folders.outcomes(SCORED)}/part-0.parquet",
    **{
        copy.name: f"{location(copy.namespace, copy.dataset.name)}/data/0123-1/jr_1/published/part-0.parquet"
        for copy in COPIES.values()
    },
}


def _may_read(address: str) -> bool:
    return any(fnmatchcase(address, pattern) for pattern in _read())


def _read() -> list[str]:
    """Patterns of addresses, in whose `*` IAM takes a slash as well, as fnmatch does."""
    resources = [
        str(resource)
        for statement in statements_of(names.SNOWFLAKE)
        if any(covers(pattern, action) for action in _READING for pattern in listed(statement["Action"]))
        for resource in listed(statement["Resource"])
    ]
    return [_address(resource) for resource in resources]


def _address(resource: str) -> str:
    found = re.fullmatch(r"arn:.*:::highwater-(\w+)-[^/]*/(.+)", resource)
    assert found, f"{resource} is not below a bucket of ours"
    return f"s3://highwater-{found[1]}/{found[2]}"


def _may_list(address: str) -> bool:
    prefix = address.removeprefix(f"{LAKE}/")
    return any(fnmatchcase(prefix, pattern) for pattern in listable(names.SNOWFLAKE)["LAKE"])


@pytest.mark.parametrize("address", REJECTED.values(), ids=REJECTED)
def test_what_was_rejected_is_not_for_snowflake(address: str) -> None:
    assert address.startswith(f"{LAKE}/")
    assert not _may_read(address)
    assert not _may_list(address)


@pytest.mark.parametrize("address", LOADED.values(), ids=LOADED)
def test_what_is_loaded_is(address: str) -> None:
    assert _may_read(address)
    assert _may_list(address)


def test_the_widest_rights_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(action: str | list[str], resource: str) -> None:
        monkeypatch.setitem(globals(), "statements_of", lambda _: [{"Action": action, "Resource": resource}])

    for action in ("s3:Get*", "s3:*", "*", ["s3:getobjectversion"]):
        given(action, "arn:aws:s3:::highwater-lake-123456789012-ap-south-1/*")
        assert all(map(_may_read, REJECTED.values()))
    given("s3:GetObject", "*")
    with pytest.raises(AssertionError, match=r"\* is not below a bucket of ours"):
        _read()


def test_every_prefix_that_snowflake_reads_is_loaded_from() -> None:
    unused = [
        pattern for pattern in _read() if not any(fnmatchcase(found, pattern) for found in LOADED.values())
    ]
    assert unused == []
