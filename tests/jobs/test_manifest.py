"""Manifests that cannot be worked on, each with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.catalog import DATASETS, contract
from contracts.language.document import document
from jobs.glue.curation import manifest
from jobs.glue.errors import DataError

SALES = document(contract("sales"))
FIRST, *OTHERS = SALES["columns"]


FILE = {
    "path": "s3://lake/a.parquet",
    "raw_date": "2025-01-05",
    "rows": 2,
    "columns": {"Order_ID": "string"},
}


def manifested(**values: Any) -> dict[str, Any]:
    entry = {
        "contract": SALES,
        "output": "s3://lake/out/",
        "quarantine": "s3://lake/refused/",
        "staging": "s3://lake/staging/",
        "inputs": [FILE],
        "history": [],
        **values,
    }
    return {"run_id": "r", "datasets": [entry]}


def live(path: str = "s3://lake/x.parquet", bounds: Any = None) -> dict[str, Any]:
    return {"path": path, "bounds": bounds or {}}


def test_a_manifest_is_read() -> None:
    published = live(bounds={"order_id": ["A", "é"], "source_date": ["1970-01-02", "1970-01-03"]})
    (work,) = manifest.parse(json.dumps(manifested(history=[published])), "m.json")
    (file,) = work.history
    assert (file.path, file.bounds) == (
        "s3://lake/x.parquet",
        {"order_id": (b"A", b"\xc3\xa9"), "source_date": (1, 2)},
    )
    assert (work.dataset.name, work.output, work.rows, work.run_id) == ("sales", "s3://lake/out", 2, "r")
    assert (work.quarantine, work.staging) == ("s3://lake/refused", "s3://lake/staging")
    assert work.inputs[0].columns == {"order_id": "string"}
    assert not work.is_replay


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"contract": {**SALES, "columns": [{**FIRST, "kind": "guess"}, *OTHERS]}},
            "sales: column order_id is of the unknown kind 'guess'; known are code",
        ),
        ({"contract": {**SALES, "columns": [{"title": "x"}]}}, "lacks the field 'rules'"),
        ({"contract": {**SALES, "colour": "red"}}, "unexpected keyword argument 'colour'"),
        ({"inputs": []}, "names no input for sales"),
        ({"inputs": [{"path": "s3://lake/a.parquet"}]}, "lacks the field 'raw_date'"),
        (
            {"inputs": manifested()["datasets"][0]["inputs"] * 2},
            "names an input of sales twice: s3://lake/a.parquet",
        ),
        (
            {"history": [live("s3://lake/out/published/x.parquet")]},
            "the output of sales holds a file that is read: s3://lake/out/published/x.parquet",
        ),
        (
            {"inputs": [{**FILE, "path": "s3://lake/refused/day=2025-01-05/x.parquet", "replay": True}]},
            "the quarantine of sales holds a file that is read: s3://lake/refused/day=2025-01-05/x.parquet",
        ),
        ({"history": ["s3://lake/x.parquet"]}, "'s3://lake/x.parquet' is no object with a path and bounds"),
        ({"history": [{"path": "s3://lake/x.parquet"}]}, "lacks the field 'bounds'"),
        (
            {"history": [live(bounds=["a", "b"])]},
            r"published file s3://lake/x\.parquet: the bounds \['a', 'b'\] are no object of columns",
        ),
        (
            {"history": [live(bounds={"order_id": [1, 2]})]},
            r"m\.json cannot be read: published file s3://lake/x\.parquet: 1 is no bound of order_id, a string",
        ),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(values: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        manifest.parse(json.dumps(manifested(**values)), "m.json")


def test_a_text_that_is_no_manifest() -> None:
    with pytest.raises(DataError, match=r"m\.json cannot be read"):
        manifest.parse("{", "m.json")


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_the_keys_of_every_dataset_can_be_read_alone(dataset: str) -> None:
    (work,) = manifest.parse(json.dumps(manifested(contract=document(contract(dataset)))), "m.json")
    keys = [name for name in contract(dataset).key if name not in contract(dataset).provided]
    assert sorted(work.of_keys_alone().dataset.names) == sorted(keys)
