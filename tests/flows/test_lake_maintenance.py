"""What the maintenance asks for, and how it ends when a table fails."""

from __future__ import annotations

import pytest

from flows import lake_maintenance as flow
from tasks.errors import DataError, SystemFault, TransientError
from tasks.maintenance.report import Tidied

KNOWN = ["curated.sales", "curated.sku", "quarantine.sales", "ml.demand_features"]


def test_a_table_that_is_not_there_is_named_before_anything_is_touched() -> None:
    assert flow.choose(KNOWN, None) == KNOWN
    assert flow.choose(KNOWN, ["ml.demand_features", "curated.sku"]) == ["curated.sku", "ml.demand_features"]
    with pytest.raises(
        DataError, match=r"no such table: curated\.sale\. Nothing was touched; there are curated\.sales, "
    ):
        flow.choose(KNOWN, ["curated.sale"])


@pytest.mark.parametrize(
    ("table", "dataset"), [("curated.sales", "sales"), ("curated.strange", None), ("quarantine.sales", None)]
)
def test_only_tables_of_a_contract_are_loaded_and_compacted(table: str, dataset: str | None) -> None:
    assert flow.dataset_of(table) == dataset


@pytest.mark.parametrize(("needs_a_person", "kind"), [(True, SystemFault), (False, TransientError)])
def test_tables_that_failed_are_named_with_what_happened(needs_a_person: bool, kind: type[Exception]) -> None:
    failed = Tidied("curated.sku", failures=["expire: it was busy"], needs_a_person=needs_a_person)
    with pytest.raises(kind, match=r"1 of 2 tables were not tidied: curated\.sku: expire: it was busy"):
        flow.require_all([Tidied("curated.sales"), failed], "s3://report")
    flow.require_all([Tidied("curated.sales")], None)
