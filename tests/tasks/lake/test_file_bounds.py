"""Bounds as the table has them after a real commit: no narrower than what is in the file."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyiceberg.io.pyarrow import PyArrowFileIO, _pyarrow_to_schema_without_ids, parquet_file_to_data_file
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import assign_fresh_schema_ids
from pyiceberg.table.metadata import new_table_metadata
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER

from tasks.lake import file_bounds, lake_tables
from tests.tasks.lake.test_lake_commits import commit, publish, put

HIGHEST = "\U0010ffff"
TEXTS = st.text(
    st.characters(exclude_characters="\ud7ff", exclude_categories=["Cs"]), min_size=1, max_size=20
)


def committed(**columns: Any) -> dict[str, list[Any]]:
    publish(commit("w1", (put("curated/sales/data/w1/published/a.parquet", **columns),)), None)
    table = lake_tables.load("curated", "sales")
    assert table
    (file,) = lake_tables.live_files(table)
    return file_bounds.bounds(file, table.schema(), [*columns, "of a later contract"])


def test_texts_days_and_whole_numbers(empty_lake: None) -> None:
    assert committed(
        order_id=["SO-2", "SO-1"],
        on=[date(2025, 1, 5), date(1969, 12, 31)],
        quantity=pa.array([7, -1], pa.int64()),
        small=pa.array([7, -1], pa.int32()),
    ) == {
        "order_id": ["SO-1", "SO-2"],
        "on": ["1969-12-31", "2025-01-05"],
        "quantity": [-1, 7],
        "small": [-1, 7],
    }


def test_what_is_not_known_is_left_out(empty_lake: None) -> None:
    assert (
        committed(
            with_nulls=["a", None],
            all_null=pa.array([None, None], pa.string()),
            ratio=[1.5, 2.5],
            no_upper=[HIGHEST * 17, "a"],
        )
        == {}
    )


def test_long_texts_are_cut_and_stay_bounds(empty_lake: None) -> None:
    assert committed(
        latin=["order-of-2025-01-05-a", "order-of-2025-01-05-b"],
        hindi=["नमस्ते-दुनिया-नमस्ते-क", "नमस्ते-दुनिया-नमस्ते-ख"],
        highest=["a" * 15 + HIGHEST + "b", "a"],
    ) == {
        "latin": ["order-of-2025-01", "order-of-2025-02"],
        "hindi": ["नमस्ते-दुनिया-नम", "नमस्ते-दुनिया-नय"],
        "highest": ["a", "a" * 14 + "b" + HIGHEST],
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"file://{tmp_path_factory.mktemp('bounds')}/a.parquet"


@given(st.lists(TEXTS, min_size=1))
@example(["\ufffd", "\U0001f600"])
@example(["é" * 16 + "z", "é" * 17])
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_text_lies_between_its_files_bounds_in_utf_8(place: str, texts: list[str]) -> None:
    import pyarrow.parquet as pq

    table = pa.table({"text": texts})
    pq.write_table(table, place.removeprefix("file://"))
    schema = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(table.schema))
    metadata = new_table_metadata(
        schema, UNPARTITIONED_PARTITION_SPEC, UNSORTED_SORT_ORDER, "s3://lake/table"
    )
    file = parquet_file_to_data_file(PyArrowFileIO(), metadata, place)
    for low, high in file_bounds.bounds(file, metadata.schema(), ["text"]).values():
        assert isinstance(low, str)
        assert isinstance(high, str)
        assert all(low.encode() <= text.encode() <= high.encode() for text in texts)
