"""The columns of a curated row in addition to its contract's: derived columns and lineage."""

from __future__ import annotations

from contracts.dialects.spark_literals import literal, name
from contracts.dialects.spark_sql import content_hash
from contracts.language.dataset import Dataset
from contracts.language.kinds import exact_size
from jobs.glue.keys import surrogate

LINEAGE = ("source_date", "source_file", "run_id", "content_hash", "kept_aside")


def curated_columns(dataset: Dataset, run_id: str) -> dict[str, str]:
    """All columns of a curated row in order, as expressions over the contract's staged frame."""
    return {
        **{column: name(column) for column in dataset.names},
        **{derived.name: derived.expression for derived in dataset.derived},
        **{key: surrogate(column) for key, column in dataset.surrogates.items()},
        "source_date": "source_date",
        "source_file": "source_file",
        "run_id": literal(run_id),
        "content_hash": content_hash(dataset),
        "kept_aside": "kept_aside",
    }


def write_options(dataset: Dataset) -> dict[str, str]:
    """Parquet options that turn off the dictionary for columns where it does not pay.

    Parquet looks up every value in the dictionary until it gives up. Where nearly all values are distinct, or all are
    equal and compress well anyway, that costs more than the rest of the writing.
    """
    pointless = [column.name for column in dataset.columns if _differs(column.kind)]
    pointless += [derived.name for derived in dataset.derived if _differs(derived.kind)]
    pointless += ["source_file", "run_id", "content_hash"]
    if len(dataset.key) > 1:
        pointless += [column for column in dataset.key[:1] if column.endswith("_id")]
    return {f"parquet.enable.dictionary#{column}": "false" for column in pointless}


def _differs(kind: str) -> bool:
    """Whether nearly all values of the kind are distinct."""
    return (
        kind in ("decimal", "number", "timestamp", "local_timestamp", "json") or exact_size(kind) is not None
    )
