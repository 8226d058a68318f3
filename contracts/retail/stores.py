"""Partners' stores."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset

STORES = Dataset(
    domain="retail",
    name="stores",
    description="Partners' stores, as delimited text files. A later file may correct a store; none is ever removed.",
    key=("store_token",),
    columns=(
        optional("store_group", "text", "Group that the store belongs to."),
        required("store_token", "text", "The store, as in its sales."),
        required("store_name", "text", "Name that people know it by."),
    ),
)
