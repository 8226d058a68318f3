"""Order lines of the shop whose order, customer and product are known."""

from __future__ import annotations

from contracts.language.columns import above, at_least, one_of, optional, required
from contracts.language.dataset import Dataset
from contracts.shop.orders import STATUSES

FACT_ORDERS = Dataset(
    domain="shop",
    name="fact_orders",
    description="Order lines, a row each: the newest version of the line and of its order. Deleted lines and lines of "
    "deleted orders are not here; lines that wait for their order, customer or product are in pending_orders.",
    key=("order_id", "line_number"),
    columns=(
        required("order_id", "text", "The order."),
        required("line_number", "integer", "The line, unique in its order."),
        required("customer_key", "integer", "The customer's key: dim_customers."),
        required(
            "customer_version_key",
            "integer",
            "The customer's version at order_ts: the last that began until then, or else the first.",
        ),
        required("product_key", "integer", "The product's key: dim_products."),
        optional("order_ts", "timestamp", "When it was ordered, in UTC."),
        optional("order_date", "date", "The day of order_ts in UTC."),
        optional("status", "text", "How far the order is.", one_of(*STATUSES)),
        optional("region", "text", "The state of the customer's version."),
        optional("category", "text", "The product's category of today, also for old lines."),
        optional("quantity", "integer", "How many.", above(0)),
        optional("unit_price", "decimal(14,2)", "Price of one.", at_least(0)),
        optional("discount", "decimal(14,2)", "What is taken off the line's amount.", at_least(0)),
        optional("line_amount", "decimal(14,2)", "What the line costs.", at_least(0)),
        optional("currency", "text", "Currency of the amounts."),
    ),
)
