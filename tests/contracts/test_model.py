"""A model is read once, and what Spark could not evaluate is refused there and then."""

from __future__ import annotations

import json
from typing import Any

import pandera.pandas as pa
import pytest

from contracts.catalog import DATASETS, MODELS, contract
from contracts.kinds import Code, Text
from contracts.model import Contract, facts, required, rule_of, spec_of
from contracts.spec import CODE_PATTERN, ContractError, Rule, Thresholds, document, from_document


def test_every_dataset_is_there_under_its_name() -> None:
    assert list(DATASETS) == ["sales", "inventory", "market", "promotions", "sku", "geography", "customer"]
    assert [model.__name__.lower() for model in MODELS.values()] == list(DATASETS)


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
    spec = contract(dataset)
    assert (spec.key, [column.name for column in spec.required]) == (tuple(key.split()), needed.split())
    assert (spec.version_column, spec.thresholds) == (None, Thresholds(1, 0.05, 0.01, 0.05, 0.05))


def test_every_column_says_what_it_is() -> None:
    assert all(len(column.description) > 5 for spec in DATASETS.values() for column in spec.columns)
    assert all(len(spec.description) > 20 for spec in DATASETS.values())


def test_a_check_that_spark_cannot_evaluate_is_refused() -> None:
    class Odd(Contract):
        """Odd."""

        code: Code = required("Its code.", str_startswith="x")

        class Config:
            metadata = facts("odd", prefix="raw/odd/", key=("code",))

    with pytest.raises(ContractError, match=r"check 'str_startswith' .* has no Spark counterpart"):
        spec_of(Odd)


@pytest.mark.parametrize(
    "check", [pa.Check.in_range(0, 1, include_min=False), pa.Check.str_length(exact_value=3), pa.Check.ne(3)]
)
def test_forms_of_checks_that_only_pandera_knows_are_refused(check: Any) -> None:
    with pytest.raises(ContractError, match="has no Spark counterpart"):
        rule_of(check)


def test_a_pattern_must_cover_the_whole_value() -> None:
    with pytest.raises(ContractError, match=r"must start with \^ and end with \$"):
        rule_of(pa.Check.str_matches("[A-Z]+"))


def test_a_column_needs_a_kind_a_description_and_a_key_that_is_required() -> None:
    class Bare(Contract):
        """Bare."""

        name: str = required("Its name.")

        class Config:
            metadata = facts("bare", prefix="raw/bare/", key=("name",))

    class Silent(Contract):
        """Silent."""

        name: Text = pa.Field(nullable=False)

        class Config:
            metadata = facts("silent", prefix="raw/silent/", key=("name",))

    class Keyless(Contract):
        """Keyless."""

        name: Text = required("Its name.")

        class Config:
            metadata = facts("keyless", prefix="raw/keyless/", key=("code",))

    with pytest.raises(ContractError, match=r"column 'name': annotate it with one of contracts.kinds"):
        spec_of(Bare)
    with pytest.raises(ContractError, match="column 'name' has no description"):
        spec_of(Silent)
    with pytest.raises(ContractError, match=r"keyless: key columns \['code'\] are not required columns"):
        spec_of(Keyless)


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_contract_travels_as_a_document(dataset: str) -> None:
    assert from_document(json.loads(json.dumps(document(DATASETS[dataset])))) == DATASETS[dataset]
