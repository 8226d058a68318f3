"""Every delivered dataset by the name of its tables, and the order in which they are loaded."""

from __future__ import annotations

from graphlib import TopologicalSorter

from contracts import cpg
from contracts.language.dataset import ContractError, Dataset

DATASETS: dict[str, Dataset] = {dataset.table: dataset for dataset in cpg.DELIVERED}


def contract(dataset: str) -> Dataset:
    """The contract of a dataset; a wrong name is answered with the right ones."""
    try:
        return DATASETS[dataset]
    except KeyError:
        raise ContractError(f"unknown dataset {dataset!r}; known are {', '.join(DATASETS)}") from None


def load_order() -> tuple[str, ...]:
    """Every dataset after those that it refers to or reads, so that a fact finds its members."""
    earlier = {
        name: [*(reference.dataset for reference in dataset.references), *dataset.reads]
        for name, dataset in DATASETS.items()
    }
    for name, others in earlier.items():
        if lost := [other for other in others if other not in DATASETS]:
            raise ContractError(f"{name} refers to {lost[0]!r}, which is the table of no dataset")
    return tuple(TopologicalSorter(earlier).static_order())
