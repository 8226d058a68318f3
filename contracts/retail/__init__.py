"""The retail domain: files that partners drop into the inbox."""

from __future__ import annotations

from contracts.language.dataset import Dataset
from contracts.retail.sales import SALES
from contracts.retail.stores import STORES

INBOX: dict[str, Dataset] = {dataset.name: dataset for dataset in (SALES, STORES)}
"""The kinds of files that the inbox takes, by name."""
