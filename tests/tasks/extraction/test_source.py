"""The configuration is checked as a whole before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tasks.errors import DataError
from tasks.extraction.source import load

ENTITY = {
    "name": "products",
    "key": ["product_id"],
    "watermark": "updated_at",
    "query": "SELECT * FROM P WHERE updated_at > :low AND updated_at <= :high",
}


def written(folder: Path, pipeline: str = "shop", **changes: Any) -> Path:
    file = folder / "shop.yaml"
    file.write_text(
        yaml.safe_dump({"pipeline": pipeline, "secret": "s", "entities": [{**ENTITY, **changes}]}),
        encoding="utf-8",
    )
    return file


def test_the_products_own_configuration_has_every_entity() -> None:
    source = load(Path("deployments/extraction/shop.yaml"))
    assert [entity.name for entity in source.entities] == ["customers", "products", "orders", "order_items"]
    assert source.entities[3].key == ("order_id", "line_number")
    assert {entity.overlap_seconds for entity in source.entities} == {600}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query": "SELECT * FROM P"}, "the query of products lacks :high, :low"),
        (
            {"full": "SELECT * FROM P WHERE a > :low"},
            "the full query of products returns all rows, and has no :low",
        ),
        ({"full": "SELECT 1; SELECT 2"}, "the full query of products must be one statement"),
        ({"key": ["product_name"]}, "the key of products is product_name, in its contract product_id"),
        (
            {"name": "suppliers"},
            "no contract for the entity suppliers; there are customers, products, orders",
        ),
        ({"overlap_seconds": -1}, "overlap_seconds: Input should be greater than or equal to 0"),
        ({"overlap": 5}, "overlap: Extra inputs are not permitted"),
        ({"batch_rows": 0}, "batch_rows: Input should be greater than or equal to 1"),
        ({"compression": "ndjson"}, "compression: Input should be 'zstd' or 'snappy'"),
        (
            {"watermark": "product_name"},
            "the watermark of products, product_name, is no timestamp in its contract",
        ),
        ({"watermark": "changed"}, "products has no column 'changed'"),
        ({"pipeline": "shops"}, "no contracts for the pipeline shops; there are some for shop"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as refusal:
        load(written(tmp_path, **changes))
    assert "Correct it, then run again. Nothing was read." in str(refusal.value)


def test_an_override_replaces_one_setting_of_one_entity(tmp_path: Path) -> None:
    source = load(written(tmp_path), {"products": {"batches_max": 3}})
    assert (source.entities[0].batches_max, source.entities[0].watermark) == (3, "updated_at")


def test_an_override_of_an_unknown_entity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="settings for unknown entities: product"):
        load(written(tmp_path), {"product": {"batches_max": 3}})


def test_unknown_entities_are_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"unknown entities order, product: shop has products. Nothing was read"
    ):
        load(written(tmp_path)).chosen(["product", "order"])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.yaml"):
        load(tmp_path / "nowhere.yaml")


def test_an_entity_twice_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path)
    text = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**text, "entities": text["entities"] * 2}), encoding="utf-8")
    with pytest.raises(DataError, match="the entity products is there twice"):
        load(file)
    with pytest.raises(DataError, match="the name of an entity can't be overridden"):
        load(file, {"products": {"name": "orders"}})


@pytest.mark.parametrize("text", ["", "entities: 5", "entities: [5]", "- a"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text(text, encoding="utf-8")
    for overrides in ({}, {"products": {"batches_max": 1}}):
        with pytest.raises(
            DataError, match=r"Correct it, then run again\. Nothing was read|unknown entities"
        ):
            load(file, overrides)


def test_no_names_are_all_entities(tmp_path: Path) -> None:
    assert len(load(written(tmp_path)).chosen([])) == 1
