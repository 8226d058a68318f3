"""A contract that cannot hold is refused where it is written."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from contracts.catalog import DATASETS, contract, load_order
from contracts.language.columns import (
    at_least,
    at_most_column,
    between,
    length,
    matches,
    monday,
    not_after,
    not_days_after,
    one_of,
    optional,
    required,
)
from contracts.language.dataset import (
    CODE_PATTERN,
    Column,
    ContractError,
    Dataset,
    Derived,
    Reference,
    Rule,
    Thresholds,
)
from contracts.language.delivery import Delivery
from contracts.language.document import document, from_document, rules_document
from contracts.marketing.demographics import DEMOGRAPHICS


def test_every_dataset_is_there_under_its_name() -> None:
    assert list(DATASETS) == ["sales", "inventory", "market", "promotions", "sku", "geography", "customer"]


def test_an_unknown_dataset_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ContractError, match="unknown dataset 'sale'; known are sales, inventory"):
        contract("sale")


def test_the_contract_of_sales() -> None:
    sales = contract("sales")
    assert (sales.key, sales.version_column, sales.version) == (
        ("order_id", "sku_code"),
        "changed_at",
        "1.1.0",
    )
    assert sales.thresholds == Thresholds(1000, 0.05, 0.01, 0.05, 0.05)
    assert [c.name for c in sales.required] == (
        [
            "order_id",
            "sku_code",
            "customer_id",
            "region_code",
            "quantity",
            "net_revenue",
            "order_date",
            "channel",
        ]
    )
    assert [c.name for c in sales.optional] == (
        [
            "gross_revenue",
            "trade_discount",
            "cost_of_goods",
            "is_promo_sale",
            "promo_id",
            "changed_at",
            "is_deleted",
        ]
    )
    assert sales.column("quantity").rules == (Rule("range", minimum=0, exclusive=True),)
    assert sales.column("net_revenue").rules == (Rule("range", minimum=0, exclusive=True),)
    assert sales.column("order_date").rules == (
        Rule("future", limit="source_date"),
        Rule("too_old", limit="source_date", years=10),
    )
    assert sales.column("changed_at").rules == (Rule("future", limit="source_date", days=1),)
    assert sales.column("channel").rules == (Rule("allowed", ("ecommerce", "general_trade", "modern_trade")),)
    assert sales.column("sku_code").rules == (Rule("pattern", pattern=CODE_PATTERN),)
    with pytest.raises(ContractError, match="sales has no column 'price'; it has order_id"):
        sales.column("price")


@pytest.mark.parametrize(
    ("dataset", "key", "needed"),
    [
        (
            "inventory",
            "sku_code region_code snapshot_date",
            "sku_code region_code snapshot_date closing_stock",
        ),
        ("market", "week region_code category brand", "region_code category brand units value"),
        ("promotions", "promo_id sku_code region_code week", "promo_id sku_code region_code week"),
        ("sku", "sku_code", "sku_code"),
        ("geography", "region_code", "region_code"),
        ("customer", "customer_id", "customer_id"),
    ],
)
def test_keys_and_required_columns(dataset: str, key: str, needed: str) -> None:
    dataset = contract(dataset)
    assert (dataset.key, [column.name for column in dataset.required]) == (tuple(key.split()), needed.split())
    assert (dataset.version_column, dataset.thresholds) == (None, Thresholds(1, 0.05, 0.01, 0.05, 0.05))


def test_every_column_says_what_it_is() -> None:
    assert all(len(column.description) > 5 for dataset in DATASETS.values() for column in dataset.columns)
    assert all(len(dataset.description) > 20 for dataset in DATASETS.values())


def test_a_pattern_must_cover_the_whole_value() -> None:
    with pytest.raises(ContractError, match=r"must start with \^ and end with \$"):
        matches("[A-Z]+")


CODE = required("code", "code", "Its code.")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"columns": (CODE, CODE)}, "odd: column code is there twice"),
        (
            {"columns": (CODE, Column("name", "string", True, "Its name."))},
            "name is of the unknown kind 'string'",
        ),
        ({"columns": (CODE, Column("name", "text", True, ""))}, "odd: column name has no description"),
        *(
            ({"columns": (CODE, required("sum", kind, "Its sum."))}, "sum is of the unknown kind")
            for kind in ("decimal(39,2)", "decimal(2,3)", "decimal(14, 2)", "decimal(0,0)", "decimal(p,s)")
        ),
        *(
            (
                {"columns": (CODE, required("day", kind, "Its day.", rule))},
                f"'{rule.name}' of day does not apply to",
            )
            for kind, rule in (
                ("text", at_least(1)),
                ("time", between(0, 24)),
                ("decimal(14,2)", length(1, 2)),
                ("json", matches("^x$")),
                ("timestamp", monday()),
                ("timestamp", not_after("source_date")),
                ("date", not_days_after("source_date", 1)),
                ("boolean", at_most_column("code")),
            )
        ),
        ({"key": ("codes",)}, r"odd: key columns \['codes'\] are not required columns"),
        ({"version_column": "changed_at"}, "odd has no column 'changed_at'"),
        (
            {"columns": (required("code", "code", "Its code.", Rule("odd")),)},
            "code has the unknown rule 'odd'",
        ),
        ({"columns": (required("code", "code", "Its code.", not_after("day")),)}, "odd has no column 'day'"),
        ({"derived": (Derived("day", "guess", "code"),)}, "odd: day is of the unknown kind 'guess'"),
        ({"derived": (Derived("day", "date", "code", replaces="week"),)}, "odd has no column 'week'"),
        ({"name": "odd'; DROP"}, "is not lower-case letters"),
        ({"references": (Reference("city", "city", "city_key"),)}, "odd has no column 'city'"),
        ({"is_whole": True}, "odd: rows of a whole delivery can be taken back, which needs is_deleted"),
    ],
)
def test_a_contract_that_cannot_hold_is_refused(change: dict[str, Any], complaint: str) -> None:
    sound = Dataset("test", "odd", "Odd things.", (CODE,), ("code",))
    with pytest.raises(ContractError, match=complaint):
        replace(sound, **change)


def test_a_null_may_be_in_the_key_of_a_table_that_is_computed_only() -> None:
    columns = (CODE, optional("day", "date", "Its day."))
    computed = Dataset("test", "odd", "Odd things.", columns, ("code", "day"))
    assert computed.key == ("code", "day")
    for judged in ({"version_column": "day"}, {"delivery": contract("sales").delivery}):
        with pytest.raises(ContractError, match=r"odd: key columns \['day'\] are not required columns"):
            replace(computed, **judged)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_contract_travels_as_a_document(dataset: str) -> None:
    assert from_document(json.loads(json.dumps(document(DATASETS[dataset])))) == DATASETS[dataset]


def test_datasets_are_loaded_after_those_that_they_refer_to_or_read() -> None:
    order = load_order()
    assert sorted(order) == sorted(DATASETS)
    assert max(map(order.index, ("sku", "geography", "customer"))) < order.index("sales")
    assert order.index("sales") < order.index("inventory")  # days of supply look at sales


def test_tables_of_another_domain_carry_its_name() -> None:
    sales = replace(contract("sales"), domain="retail")
    assert (contract("sales").table, sales.table) == ("sales", "retail_sales")


def test_a_reference_to_nowhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = replace(contract("inventory"), reads=("store",))
    monkeypatch.setitem(DATASETS, "inventory", lost)
    with pytest.raises(ContractError, match="inventory refers to 'store', which is not a dataset's table"):
        load_order()


def test_a_delivery_has_a_folder_for_each_day_or_week() -> None:
    with pytest.raises(ValueError, match="raw/x/: the prefix of a delivery by day ends in year="):
        Delivery("x", "day", "raw/x/")


def test_allowed_values_are_of_the_columns_kind() -> None:
    def dataset(kind: str, *values: str | int) -> Dataset:
        code, grade = (
            required("code", "code", "Its code."),
            required("grade", kind, "Its grade.", one_of(*values)),
        )
        return Dataset("test", "graded", "Graded.", (code, grade), key=("code",))

    assert dataset("integer", 3, 1).column("grade").rules[0].allowed == (1, 3)
    for kind, value in (("integer", "1"), ("text", 1)):
        with pytest.raises(ContractError, match=f"grade is of kind {kind}, which its allowed values are not"):
            dataset(kind, value)


class TestPersonalData:
    marked = Dataset(
        "test",
        "people",
        "People.",
        (required("code", "code", "Their code."), optional("email", "text", "Address.", personal=True)),
        key=("code",),
    )

    def test_it_is_marked_by_column(self) -> None:
        assert [column.name for column in self.marked.personal] == ["email"]
        assert [column.name for column in DEMOGRAPHICS.personal] == ["first_name", "last_name", "email"]
        assert from_document(json.loads(json.dumps(document(self.marked)))) == self.marked

    def test_the_mark_decides_no_rows(self) -> None:
        """Fingerprints of published days are made of these rules: a new mark must not make the days new."""
        code, email = self.marked.columns
        unmarked = replace(self.marked, columns=(code, replace(email, personal=False)))
        assert rules_document(unmarked) == rules_document(self.marked)
        assert "personal" not in json.dumps(rules_document(contract("sales")))

    def test_a_document_of_an_earlier_release_has_no_marks(self) -> None:
        earlier = document(contract("sales"))
        for column in earlier["columns"]:
            del column["personal"]
        assert from_document(json.loads(json.dumps(earlier))) == contract("sales")
