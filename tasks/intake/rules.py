"""Contracts as this environment applies them: contracts/ plus the limits that come from settings."""

from __future__ import annotations

from contracts.catalog import contract
from contracts.language.dataset import ContractError, Dataset, with_years
from contracts.language.delivery import Delivery
from tasks.settings import settings


def rules_of(dataset: str) -> Dataset:
    return with_years(contract(dataset), settings().order_years_max)


def delivery(dataset: str) -> Delivery:
    found = contract(dataset).delivery
    if found is None:
        raise ContractError(f"{dataset} is produced by Highwater, so it has no delivery")
    return found
