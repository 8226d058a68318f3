"""All customers of a day are ranked together, and what is not exactly one answer for each is not published."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dialects.pandera_schema import breaches
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.churn import churn_scores
from tasks.churn.churn_scores import Ranking, Scores
from tasks.errors import DataError
from tasks.services import aws, objects
from tests.tasks.churn.churn_day import AS_OF, dataset, model, put, put_customers

RAW = "s3://highwater-lake/ml/churn_predictions/raw/w-1"
WRITTEN = "ml/churn_predictions/data/w-1/"


def answer(probabilities: dict[int, float | None], **instead: Any) -> pa.Table:
    """What the model says of the customers of these keys."""
    keys = list(probabilities)
    columns = {
        "customer_key": pa.array(keys, pa.int64()),
        "customer_id": [f"C{key}" for key in keys],
        "as_of": pa.array([AS_OF] * len(keys), pa.date32()),
        "probability": pa.array(list(probabilities.values()), pa.float64()),
        "reasons": ['["last order 80 days ago raises it"]'] * len(keys),
        **instead,
    }
    return pa.table({name: values for name, values in columns.items() if values is not None})


def asked(*files: list[int]) -> None:
    put_customers(dataset(), *(pa.table({"customer_key": pa.array(keys, pa.int64())}) for keys in files))


def accept(*answers: pa.Table | bytes, due: int, run_id: str = "run-1") -> Scores:
    for number, rows in enumerate(answers):
        put(f"{RAW}/part-{number}.parquet.out", rows)
    return churn_scores.accept(dataset(due), model(), RAW, run_id)


def rows(scores: Scores) -> list[dict[str, Any]]:
    return [row for file in scores.files for row in pq.read_table(io.BytesIO(objects.read(file))).to_pylist()]


def written() -> int:
    found: int = aws.s3().list_objects_v2(Bucket="highwater-lake", Prefix=WRITTEN)["KeyCount"]
    return found


def test_customers_are_ranked_together_whatever_file_they_are_in(account: None) -> None:
    """Twenty customers in two files: the odd keys, with the smaller probabilities, come first."""
    said = {key: key / 100 if key % 2 else 0.5 + key / 100 for key in range(1, 21)}
    odd, even = ({key: value for key, value in said.items() if key % 2 == half} for half in (1, 0))
    asked(list(said))
    scores = accept(answer(odd), answer(even), due=20)

    assert (scores.rows, scores.model_version) == (20, "v7")
    assert scores.files == tuple(f"s3://highwater-lake/{WRITTEN}part-0000{number}.parquet" for number in (0, 1))
    assert scores.churners == pytest.approx(sum(said.values()))
    found = rows(scores)
    assert [row["customer_key"] for row in found] == [*odd, *even]
    deciles = {row["customer_key"]: row["decile"] for row in found}
    expected = [*range(20, 0, -2), *range(19, 0, -2)]
    assert deciles == {key: place // 2 + 1 for place, key in enumerate(expected)}


def test_what_is_written_keeps_the_contract(account: None) -> None:
    asked([1, 2, 3])
    scores = accept(answer({1: 0.5, 2: 0.0, 3: 1.0}), due=3)
    table = pa.concat_tables([pq.read_table(io.BytesIO(objects.read(file))) for file in scores.files])
    assert Counter(breaches(CHURN_PREDICTIONS, table)) == Counter()
    assert table.slice(0, 1).to_pylist() == [
        {
            "customer_key": 1,
            "customer_id": "C1",
            "as_of": AS_OF,
            "horizon_days": 90,
            "probability": 0.5,
            "decile": 4,
            "reasons": '["last order 80 days ago raises it"]',
            "model_version": "v7",
            "run_id": "run-1",
        }
    ]


def test_keys_of_another_type_are_keys_all_the_same(account: None) -> None:
    asked([1, 2])
    strange = answer(
        {1: 0.1, 2: 0.9}, customer_key=pa.array(["1", "2"]), probability=pa.array([0.1, 0.9], pa.float32())
    )
    found = rows(accept(strange, due=2))
    assert [(row["customer_key"], row["decile"]) for row in found] == [(1, 6), (2, 1)]
    assert found[0]["probability"] == pytest.approx(0.1)


def test_another_run_finds_the_files_as_they_were(account: None) -> None:
    """They may be published: a table names them with their size, and readers find a file's end by it."""
    asked([1, 2])
    first = accept(answer({1: 0.5, 2: 0.25}), due=2)
    before = [objects.read(file) for file in first.files]
    again = accept(due=2, run_id="another-run-with-a-longer-name")
    assert again == first
    assert [objects.read(file) for file in again.files] == before
    assert {row["run_id"] for row in rows(again)} == {"run-1"}


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([{1: 0.5, 2: 0.5}], "asked for 3 customers and returned 2 rows: 1 customers are missing, 0 rows"),
        ([{1: 0.5, 2: 0.5, 3: 0.5}, {3: 0.5}], "returned 4 rows: 0 customers are missing, 1 rows"),
        ([{1: 0.5, 2: 0.5}, {2: 0.5}], "returned 3 rows: 1 customers are missing, 1 rows"),
        ([{1: 0.5, 2: 0.5, 4: 0.5}], "returned 3 rows: 1 customers are missing, 0 rows .*, 1 of one whom nobody"),
        ([], "returned 0 rows: 3 customers are missing"),
    ],
)
def test_one_answer_for_each_customer(account: None, answers: list[dict[int, float]], told: str) -> None:
    asked([1, 2], [3])
    with pytest.raises(DataError, match=f"model v7 was {told}" if "asked" in told else told) as refusal:
        accept(*(answer(said) for said in answers), due=3)
    assert f"No score was published; look at {RAW}" in str(refusal.value)
    assert written() == 0


def broken_off() -> bytes:
    """A file that ends as it should, with a hole before the end."""
    body = io.BytesIO()
    pq.write_table(answer({key: key / 1e6 for key in range(9999)}), body)
    whole = body.getvalue()
    return whole[:100] + bytes(len(whole) // 2) + whole[100 + len(whole) // 2 :]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (b"nothing", r"part-1\.parquet\.out is not the Parquet file that the model should return"),
        (b"", r"part-1\.parquet\.out is not the Parquet file that the model should return"),
        (broken_off(), r"part-1\.parquet\.out is not the Parquet file that the model should return"),
        (answer({2: 0.5}, customer_key=None), "without customer_key"),
        (answer({2: 0.5}, probability=None, reasons=None), "without probability, reasons"),
        (answer({2: 0.5}, probability=["likely"]), "part-1.*, an answer of model v7, .*likely"),
        (answer({2: 0.5}, customer_key=pa.array([None], pa.int64())), "rows without customer_key"),
        (answer({2: None}), "rows without probability"),
        (answer({2: 0.5}, reasons=[["a", "b"]]), "part-1.*, an answer of model v7"),
    ],
)
def test_a_file_that_is_no_answer_keeps_all_back(account: None, second: pa.Table | bytes, told: str) -> None:
    asked([1, 2])
    with pytest.raises(DataError, match=told):
        accept(answer({1: 0.5}), second, due=2)
    assert written() == 0


def test_equal_probabilities_are_ranked_by_key() -> None:
    keys = np.array([7, 3, 9, 1, 5])
    ranking = Ranking.of(keys, np.array([0.5, 0.5, 0.5, 0.5, 0.9]))
    assert ranking.keys.tolist() == [1, 3, 5, 7, 9]
    assert ranking.deciles.tolist() == [3, 5, 1, 7, 9]
    assert ranking.decile(np.array([9, 5])).tolist() == [9, 1]


CUSTOMERS = st.dictionaries(st.integers(-(2**62), 2**62), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), max_size=60)


@given(CUSTOMERS, st.randoms())
def test_deciles_are_tenths_in_the_order_of_probability_whatever_the_order_of_the_rows(
    said: dict[int, float], draw: Any
) -> None:
    shuffled = list(said)
    draw.shuffle(shuffled)
    ranking = Ranking.of(np.array(shuffled, np.int64), np.array([said[key] for key in shuffled]))
    assert ranking.repeated == 0
    assert ranking.keys.tolist() == sorted(said)
    deciles = dict(zip(ranking.keys.tolist(), ranking.deciles.tolist(), strict=True))
    assert deciles == {
        key: place * 10 // len(said) + 1 for place, key in enumerate(sorted(said, key=lambda k: (-said[k], k)))
    }
    sizes = Counter(deciles.values())
    assert all(1 <= decile <= 10 for decile in sizes)
    if len(said) >= 10:
        assert set(sizes) == set(range(1, 11))
        assert max(sizes.values()) - min(sizes.values()) <= 1
    assert ranking.decile(np.array(shuffled, np.int64)).tolist() == [deciles[key] for key in shuffled]


@given(st.lists(st.integers(0, 9)))
def test_repeated_customers_are_counted(keys: list[int]) -> None:
    ranking = Ranking.of(np.array(keys, np.int64), np.full(len(keys), 0.5))
    assert ranking.repeated == len(keys) - len(set(keys))
