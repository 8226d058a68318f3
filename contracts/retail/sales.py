"""Transactions of partners' stores."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset

SALES = Dataset(
    domain="retail",
    name="sales",
    description="Transactions of partners' stores, as delimited text files. A later file may correct an earlier row.",
    key=("store_token", "transaction_id"),
    columns=(
        required("store_token", "text", "Store that sold. Any text: 0012 is not 12."),
        required("transaction_id", "text", "The transaction, unique in its store."),
        required("receipt_token", "text", "Receipt that the transaction is on; a receipt has several."),
        required(
            "transaction_time",
            "timestamp",
            "When it was sold: 2025-01-11T14:30:00, with a T or a blank, an optional fraction and an optional Z or ±hh:mm. "
            "UTC unless it says otherwise.",
        ),
        required(
            "amount",
            "decimal(18,2)",
            "What was paid, with at most two places and no thousands separator; negative for a return.",
        ),
        optional("user_role", "text", "Role of the person at the till."),
    ),
)
