"""Every dataset by its name."""

from __future__ import annotations

from contracts.inventory import Inventory
from contracts.market import Market
from contracts.masters import Customer, Geography, Sku
from contracts.model import Contract, spec_of
from contracts.promotions import Promotions
from contracts.sales import Sales
from contracts.spec import ContractError, Spec

_ALL: tuple[type[Contract], ...] = (Sales, Inventory, Market, Promotions, Sku, Geography, Customer)

DATASETS: dict[str, Spec] = {spec.dataset: spec for spec in map(spec_of, _ALL)}
MODELS: dict[str, type[Contract]] = dict(zip(DATASETS, _ALL, strict=True))


def contract(dataset: str) -> Spec:
    """The contract of a dataset; a wrong name is answered with the right ones."""
    try:
        return DATASETS[dataset]
    except KeyError:
        raise ContractError(f"unknown dataset {dataset!r}; known are {', '.join(DATASETS)}") from None
