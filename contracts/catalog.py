"""All delivered datasets by table name, and the order in which to load them."""

from __future__ import annotations

from graphlib import TopologicalSorter

from contracts import cpg
from contracts.language.dataset import ContractError, Dataset

DATASETS: dict[str, Dataset] = {dataset.table: dataset for dataset in cpg.DELIVERED}


def contract(dataset: str) -> Dataset:
    """The contract of a dataset. Raises ContractError that lists the known names."""
    try:
        return DATASETS[dataset]
    except KeyError:
        raise ContractError(f"unknown dataset {dataset!r}; known are {', '.join(DATASETS)}") from None


def load_order() -> tuple[str, ...]:
    """Every dataset after those it refers to or reads, so that dimension members are loaded before facts."""
    earlier = {
        name: [*(reference.dataset for reference in dataset.references), *dataset.reads]
        for name, dataset in DATASETS.items()
    }
    for name, others in earlier.items():
        if unknown := [other for other in others if other not in DATASETS]:
            raise ContractError(f"{name} refers to {unknown[0]!r}, which is not a dataset's table")
    return tuple(TopologicalSorter(earlier).static_order())
