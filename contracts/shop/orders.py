"""Orders of the shop."""

from __future__ import annotations

from contracts.language.columns import one_of, optional, required
from contracts.language.dataset import Dataset, Reference
from contracts.shop.stamps import STAMPS

STATUSES = ("placed", "paid", "shipped", "delivered", "cancelled", "returned")

ORDERS = Dataset(
    domain="shop",
    name="orders",
    description="Orders of the shop, a row each. The status moves on as the order does.",
    key=("order_id",),
    version_column="updated_at",
    references=(Reference("customer_id", "shop_customers", "customer_key"),),
    columns=(
        required("order_id", "text", "The order."),
        optional("customer_id", "text", "Who ordered."),
        optional("order_ts", "timestamp", "When it was ordered, in UTC."),
        optional("status", "text", "How far the order is.", one_of(*STATUSES)),
        optional("currency", "text", "Currency of the order's amounts."),
        *STAMPS,
    ),
)
