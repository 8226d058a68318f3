"""Every delivered dataset by its name."""

from __future__ import annotations

from contracts.cpg.inventory import INVENTORY
from contracts.cpg.market import MARKET
from contracts.cpg.masters import CUSTOMER, GEOGRAPHY, SKU
from contracts.cpg.promotions import PROMOTIONS
from contracts.cpg.sales import SALES
from contracts.language.dataset import ContractError, Dataset

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset for dataset in (SALES, INVENTORY, MARKET, PROMOTIONS, SKU, GEOGRAPHY, CUSTOMER)
}


def contract(dataset: str) -> Dataset:
    """The contract of a dataset; a wrong name is answered with the right ones."""
    try:
        return DATASETS[dataset]
    except KeyError:
        raise ContractError(f"unknown dataset {dataset!r}; known are {', '.join(DATASETS)}") from None
