"""The committed pages say what the contracts say."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts import kinds_page
from contracts.catalog import contract
from contracts.language.kinds import KINDS
from contracts.pages import COMPUTED, PAGED, PAGES, computed_page, page, write


@pytest.mark.parametrize("dataset", list(PAGED))
def test_the_committed_page_is_current(dataset: str) -> None:
    committed = (PAGES / f"{dataset}.md").read_text(encoding="utf-8")
    assert committed == page(PAGED[dataset]), "run `python -m contracts.pages`"


@pytest.mark.parametrize("name", list(COMPUTED))
def test_the_committed_page_of_a_computed_table_is_current(name: str) -> None:
    committed = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert committed == computed_page(*COMPUTED[name]), "run `python -m contracts.pages`"


def test_the_committed_page_of_the_kinds_is_current() -> None:
    assert (PAGES / "README.md").read_text(encoding="utf-8") == kinds_page.text(), (
        "run `python -m contracts.pages`"
    )
    assert all(f"| {kind} |" in kinds_page.text() for kind in {*KINDS, "decimal(14,2)"} - {"decimal(p,s)"})


def test_there_is_a_page_per_dataset_and_no_other(tmp_path: Path) -> None:
    assert sorted(path.name for path in PAGES.glob("*.md")) == sorted(path.name for path in write(tmp_path))


def test_a_page_names_columns_rules_and_reasons() -> None:
    text = page(contract("promotions"))
    assert (
        "| `promo_discount_pct` | no | number | double | DOUBLE | >= 0; <= 1 "
        "| Discount as a share of one: 0.25 is a quarter off. |"
    ) in text
    assert "`week:missing`, `week:monday`, `week:type`." in text


def test_every_domain_has_its_pages_in_its_own_words() -> None:
    assert [name for name in PAGED if name.startswith(("retail_", "marketing_"))] == [
        "retail_sales",
        "retail_stores",
        "marketing_demographics",
        "marketing_clickstream",
    ]
    sales, people = page(PAGED["retail_sales"]), page(PAGED["marketing_demographics"])
    assert "| key | `store_token`, `transaction_id` |" in sales
    assert "| tables | `RAW.SALES`, `STAGE.SALES` |" in sales
    assert "`amount:missing`, `amount:type`, `receipt_token:missing`" in sales
    assert "kept_aside" not in sales
    assert (
        "| `email` | no | text | string | VARCHAR |  | Address. Marts have its keyed hash only. Personal data. |"
        in people
    )
    assert "Personal data" not in page(contract("customer"))
