"""A model's answers on their way to the warehouse: what is sound is written with its origin, what is not stops all of it."""

from __future__ import annotations

import io
import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import DataError
from tasks.forecast import predictions
from tasks.forecast.forecast_features import Features, Inputs
from tasks.models.model_registry import ModelVersion
from tasks.services import aws, objects
from tasks.settings import settings

AS_OF = date(2026, 11, 21)  # a Saturday: the first week is that of the 23rd
FIRST = date(2026, 11, 23)
ANSWERS = "s3://highwater-lake/ml/predictions/raw/abc-1"
MODEL = ModelVersion(
    "arn", 3, "Approved", {"code_version": "c0de"}, "s3://a/model.tar.gz", "image", "s3://a/e.json"
)


def features(rows: int = 4) -> Features:
    return Features(Inputs(AS_OF, 2, {}, 0), "s3://highwater-lake/ml/f", {"rows_future": rows}, "jr_1")


def answer(name: str, **columns: list[Any]) -> None:
    values: dict[str, list[Any]] = {
        "sku_code": [name, name],
        "region_code": ["N", "N"],
        "forecast_week": [FIRST, FIRST + timedelta(weeks=1)],
        "predicted_units": [10.0, 20.5],
        "lower": [5.0, 10.0],
        "upper": [15.0, 30.0],
        "model_type": ["model", "zero"],
        "left_over": ["x", "y"],
        **columns,
    }
    types = {"forecast_week": pa.date32()}
    table = pa.table({column: pa.array(rows, types.get(column)) for column, rows in values.items()})
    body = io.BytesIO()
    pq.write_table(table, body)
    put(f"{name}.parquet.out", body.getvalue())


def put(name: str, body: bytes) -> None:
    aws.s3().put_object(Bucket="highwater-lake", Key=f"ml/predictions/raw/abc-1/{name}", Body=body)


def written() -> list[str]:
    found = aws.s3().list_objects_v2(Bucket="highwater-lake", Prefix="ml/predictions/data/")
    return [item["Key"] for item in found.get("Contents", [])]


def accept(rows: int = 4) -> predictions.Predictions:
    return predictions.accept(features(rows), MODEL, ANSWERS, "run-1")


def test_sound_answers_are_written_with_their_origin(account: None) -> None:
    answer("A")
    answer("B", model_type=["model", "model"])
    accepted = accept()
    assert (accepted.rows, accepted.units, accepted.by_type) == (4, 61.0, {"model": 3, "zero": 1})
    assert accepted.files == tuple(
        f"s3://highwater-lake/ml/predictions/data/abc-1/part-0000{n}.parquet" for n in (0, 1)
    )
    body = aws.s3().get_object(Bucket="highwater-lake", Key=written()[0])["Body"].read()
    first = pq.read_table(io.BytesIO(body)).to_pylist()[0]
    assert first == {
        "sku_code": "A",
        "region_code": "N",
        "forecast_week": FIRST,
        "predicted_units": 10.0,
        "lower": 5.0,
        "upper": 15.0,
        "model_type": "model",
        "model_version": "v3",
        "as_of": AS_OF,
        "run_id": "run-1",
    }
    assert accept().files == accepted.files  # a repeat is the same load


def test_what_was_accepted_is_noted_once_for_a_warehouse_that_has_to_be_rebuilt(account: None) -> None:
    answer("A")
    before = datetime.now(UTC)
    accepted = accept(rows=2)
    ((when, noted),), _ = predictions.accepted_so_far()
    assert noted == accepted
    assert before <= when <= datetime.now(UTC)
    accept(rows=2)
    assert predictions.accepted_so_far() == ([(when, accepted)], [])


def test_a_note_that_was_brought_from_another_lake_names_the_files_of_this_one(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer("A")
    accepted = accept(rows=2)
    here = settings().model_copy(update={"lake_bucket": "highwater-lake-there"})
    (note,) = objects.listed(f"s3://highwater-lake/{predictions.ACCEPTED}/")
    aws.s3().create_bucket(
        Bucket=here.lake_bucket, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )
    objects.write(f"s3://{here.lake_bucket}/{note.key}", objects.read(note.address))
    monkeypatch.setattr(predictions, "settings", lambda: here)
    ((_, noted),), _ = predictions.accepted_so_far()
    assert noted.files == tuple(
        file.replace("highwater-lake/", "highwater-lake-there/") for file in accepted.files
    )


@pytest.mark.parametrize("said", [b"", b'{"files": [', b"[]", b"{}", b"\xff", b'{"accepted_at": "today"}'])
def test_a_note_that_cannot_be_read_is_named_and_hides_no_other(account: None, said: bytes) -> None:
    answer("A")
    accepted = accept(rows=2)
    strange = f"s3://highwater-lake/{predictions.ACCEPTED}/a.json"
    objects.write(strange, said)
    ((_, noted),), (broken,) = predictions.accepted_so_far()
    assert noted == accepted
    assert str(broken).startswith(f"{strange} is no note of a forecast (")


def test_a_forecast_that_was_not_accepted_is_not_noted(account: None) -> None:
    answer("A", predicted_units=[10.0, -1.0])
    with pytest.raises(DataError):
        accept(rows=2)
    assert predictions.accepted_so_far() == ([], [])


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"predicted_units": [math.nan, 1.0]}, "predicted_units:range: 1"),
        ({"lower": [-1.0, 0.0]}, "lower:range: 1"),
        ({"upper": [math.inf, 30.0]}, "upper:range: 1"),
        ({"forecast_week": [FIRST, FIRST + timedelta(weeks=2)]}, "forecast_week:horizon: 1"),
        ({"forecast_week": [FIRST - timedelta(weeks=1), FIRST]}, "forecast_week:horizon: 1"),
    ],
)
@pytest.mark.parametrize("broken", ["A", "B"])
def test_one_broken_row_stops_every_file(
    account: None, columns: dict[str, list[Any]], told: str, broken: str
) -> None:
    for name in ("A", "B"):
        answer(name, **(columns if name == broken else {}))
    with pytest.raises(DataError, match="none was published") as refusal:
        accept()
    assert told in str(refusal.value)
    assert written() == []


def test_rows_that_are_missing_or_too_many_are_noticed(account: None) -> None:
    answer("A")
    with pytest.raises(DataError, match="asked for 4 rows and returned 2"):
        accept()
    with pytest.raises(DataError, match="asked for 1 rows and returned 2"):
        accept(rows=1)
    assert written() == []


def test_every_broken_file_is_told_of_at_once(account: None) -> None:
    answer("A", lower=[-1.0, -1.0])
    answer("B")
    answer("C", lower=[-1.0, 0.0], upper=[math.inf, 30.0])
    with pytest.raises(DataError, match=r"lower:range: 3, upper:range: 1"):
        accept(rows=6)
    assert written() == []


def test_an_answer_that_is_no_parquet_names_its_file(account: None) -> None:
    answer("A")
    put("B.parquet.out", b"Internal Server Error")
    with pytest.raises(DataError, match=r"B\.parquet\.out is not the Parquet file"):
        accept()
    assert written() == []
