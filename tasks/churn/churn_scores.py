"""Churn scores: rank a model's answers and write them to the lake, where they are held against their contract.

All customers of the day are ranked together, whatever file they are in, so keys and probabilities of all are in memory at
once: 16 bytes a customer. The rest is read file by file.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from tasks.churn.churn_dataset import Dataset
from tasks.errors import DataError
from tasks.lake import lake_tables
from tasks.models import answers
from tasks.models.model_registry import ModelVersion
from tasks.services import objects

if TYPE_CHECKING:
    import numpy.typing as npt

_ANSWERED = pa.schema(
    [
        ("customer_key", pa.int64()),
        ("customer_id", pa.string()),
        ("probability", pa.float64()),
        ("reasons", pa.string()),
    ]
)
_NOBODY = _ANSWERED.empty_table().select(["customer_key", "probability"])
_DECILES = 10


@dataclass(frozen=True)
class Ranking:
    """Every customer of the answers, in the order of the keys, with the decile: 1 for the tenth most likely to churn."""

    keys: npt.NDArray[np.int64]
    deciles: npt.NDArray[np.int64]

    @classmethod
    def of(cls, keys: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> Ranking:
        """Equal probabilities are ranked by key, so that a repeat gives the same deciles."""
        likely_first = np.lexsort((keys, -probabilities))
        deciles = np.empty(len(keys), dtype=np.int64)
        deciles[likely_first] = np.arange(len(keys)) * _DECILES // max(len(keys), 1) + 1
        by_key = np.argsort(keys, kind="stable")
        return cls(keys[by_key], deciles[by_key])

    @property
    def repeated(self) -> int:
        return int((self.keys[1:] == self.keys[:-1]).sum())

    def decile(self, keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.deciles[np.searchsorted(self.keys, keys)]
        return found


@dataclass(frozen=True)
class Scores:
    """Accepted scores. `churners` is how many customers are expected to churn."""

    model_version: str
    files: tuple[str, ...]
    rows: int
    churners: float


def accept(dataset: Dataset, model: ModelVersion, folder: str, run_id: str) -> Scores:
    """Rank the model's answers, and write them to the lake. Raises DataError if a customer is missing, or is there twice."""
    addresses = answers.files(folder)
    ranking, churners = _ranked(dataset, model, folder, addresses)
    target = folder.replace("/raw/", "/data/", 1)
    files = tuple(f"{target}/part-{number:05d}.parquet" for number in range(len(addresses)))
    for file, address in zip(files, addresses, strict=True):
        table = _answer(model, address)
        deciles = pa.array(ranking.decile(table.column("customer_key").to_numpy()))
        whole = answers.with_constants(
            table.append_column("decile", deciles), _origin(dataset, model, run_id)
        )
        answers.write(file, whole.select(CHURN_PREDICTIONS.names), once=True)
    return Scores(model.name, files, len(ranking.keys), churners)


def _ranked(
    dataset: Dataset, model: ModelVersion, folder: str, addresses: Sequence[str]
) -> tuple[Ranking, float]:
    tables = (_answer(model, address).select(["customer_key", "probability"]) for address in addresses)
    scored = pa.concat_tables([_NOBODY, *tables])
    ranking = Ranking.of(scored.column("customer_key").to_numpy(), scored.column("probability").to_numpy())
    asked = _asked(dataset)
    missing, strange = (np.setdiff1d(*keys) for keys in ((asked, ranking.keys), (ranking.keys, asked)))
    if len(ranking.keys) != dataset.rows_future or ranking.repeated or len(missing) or len(strange):
        raise DataError(
            f"model {model.name} was asked for {dataset.rows_future} customers and returned {len(ranking.keys)} rows: "
            f"{len(missing)} customers are missing, {ranking.repeated} rows are of a customer whom it had already returned, "
            f"{len(strange)} of one whom nobody asked for. No score was published; look at {folder}."
        )
    return ranking, float(pc.sum(scored.column("probability")).as_py() or 0.0)


def _answer(model: ModelVersion, address: str) -> pa.Table:
    """An answer with what a score needs, in the types of the contract."""
    table = answers.read(address, _ANSWERED.names)
    try:
        if lacking := [name for name in _ANSWERED.names if name not in table.column_names]:
            raise pa.ArrowInvalid(f"without {', '.join(lacking)}")
        table = table.select(_ANSWERED.names).cast(_ANSWERED)
        if empty := [name for name in _ANSWERED.names if table.column(name).null_count]:
            raise pa.ArrowInvalid(f"rows without {', '.join(empty)}")
        return table
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{address}, an answer of model {model.name}, is not what is asked of it, {', '.join(_ANSWERED.names)} for each "
            f"row: {error}. No score was published."
        ) from error


def _asked(dataset: Dataset) -> npt.NDArray[np.int64]:
    files = (io.BytesIO(objects.read(address)) for address in lake_tables.parquet_files(dataset.future))
    keys = [pq.read_table(file, columns=["customer_key"]) for file in files]
    asked: npt.NDArray[np.int64] = pa.concat_tables([_NOBODY.select(["customer_key"]), *keys])[
        "customer_key"
    ].to_numpy()
    return asked


def _origin(dataset: Dataset, model: ModelVersion, run_id: str) -> dict[str, pa.Scalar]:
    return {
        "as_of": pa.scalar(dataset.as_of, pa.date32()),
        "horizon_days": pa.scalar(dataset.horizon_days, pa.int64()),
        "model_version": pa.scalar(model.name),
        "run_id": pa.scalar(run_id),
    }
