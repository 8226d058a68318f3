"""Churn scores: rank a model's answers, validate them against their contract, write them to the lake.

All customers of the day are ranked together, whatever file they are in, so keys and probabilities of all are in memory at
once: 16 bytes a customer. The rest is read file by file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from contracts.shop.churn_predictions import CHURN_PREDICTIONS

from tasks.churn.churn_dataset import Dataset
from tasks.errors import DataError
from tasks.models import answers
from tasks.models.model_registry import ModelVersion

if TYPE_CHECKING:
    import numpy.typing as npt

_ANSWERED = ("customer_key", "customer_id", "probability", "reasons")
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
    """Rank and validate the model's answers, and write them to the lake. None is published if one is invalid or missing."""
    from contracts.dialects.pandera_schema import breaches  # a second of imports, which no other step needs

    addresses = answers.files(folder)
    ranking, churners = _ranked(dataset, model, folder, addresses)
    target = folder.replace("/raw/", "/data/", 1)
    files = tuple(f"{target}/part-{number:05d}.parquet" for number in range(len(addresses)))
    broken: Counter[str] = Counter()
    for file, address in zip(files, addresses, strict=True):
        table = answers.read(address, _ANSWERED)
        deciles = pa.array(ranking.decile(table.column("customer_key").to_numpy()))
        table = answers.with_constants(
            table.append_column("decile", deciles), _origin(dataset, model, run_id)
        )
        broken.update(breaches(CHURN_PREDICTIONS, table))
        answers.write(
            file, table.select([name for name in CHURN_PREDICTIONS.names if name in table.column_names])
        )
    if broken:
        counts = ", ".join(f"{rule}: {rows}" for rule, rows in sorted(broken.items()))
        raise DataError(
            f"scores of model {model.name} break their contract ({counts}); none was published. Look at {folder}."
        )
    return Scores(model.name, files, len(ranking.keys), churners)


def _ranked(
    dataset: Dataset, model: ModelVersion, folder: str, addresses: Sequence[str]
) -> tuple[Ranking, float]:
    keys, probabilities = [np.empty(0, np.int64)], [np.empty(0, np.float64)]
    for address in addresses:
        table = answers.read(address, _ANSWERED)
        try:
            keys.append(table.column("customer_key").cast(pa.int64()).to_numpy())
            probabilities.append(table.column("probability").cast(pa.float64()).to_numpy())
        except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(
                f"{address}, an answer of model {model.name}, has no customer_key and probability for each row: {error}. "
                "No score was published."
            ) from error
    ranking = Ranking.of(np.concatenate(keys), np.concatenate(probabilities))
    if len(ranking.keys) != dataset.rows_future or ranking.repeated:
        raise DataError(
            f"model {model.name} was asked for {dataset.rows_future} customers and returned {len(ranking.keys)} rows, "
            f"{ranking.repeated} of them of a customer whom it had already returned; no score was published. Look at "
            f"{folder}."
        )
    return ranking, float(np.concatenate(probabilities).sum())


def _origin(dataset: Dataset, model: ModelVersion, run_id: str) -> dict[str, pa.Scalar]:
    return {
        "as_of": pa.scalar(dataset.as_of, pa.date32()),
        "horizon_days": pa.scalar(dataset.horizon_days, pa.int64()),
        "model_version": pa.scalar(model.name),
        "run_id": pa.scalar(run_id),
    }
