"""Sales of the shop by day, category, region and currency."""

from __future__ import annotations

from contracts.language.columns import at_least, optional, required
from contracts.language.dataset import Dataset

SALES_SUMMARY = Dataset(
    domain="shop",
    name="sales_summary",
    description="Sales by day, category, region and currency: orders that are neither cancelled nor deleted, returned ones "
    "too. A null is a group of its own.",
    key=("order_date", "category", "region", "currency"),
    columns=(
        optional("order_date", "date", "UTC day of the order; null if the order has no time."),
        optional("category", "text", "Category of the product, as it is now."),
        optional("region", "text", "State of the customer when he ordered."),
        optional("currency", "text", "Currency of the order."),
        required(
            "orders",
            "integer",
            "Orders with a line in this row; not additive: an order may be in several rows.",
            at_least(1),
        ),
        required("units", "integer", "Sum of quantity.", at_least(0)),
        required("net_amount", "decimal(18,2)", "Sum of line_amount.", at_least(0)),
    ),
)
