"""Order lines of the shop that wait for their order, their customer or their product."""

from __future__ import annotations

from contracts.language.columns import above, at_least, one_of, optional, required
from contracts.language.dataset import Dataset

REASONS = ("order", "customer", "product")
"""What a line can wait for. The first that is unknown is the reason."""

PENDING_ORDERS = Dataset(
    domain="shop",
    name="pending_orders",
    description="Order lines that wait, a row each. A line goes to fact_orders when what it waits for is there.",
    key=("order_id", "line_number"),
    columns=(
        required("order_id", "text", "The order."),
        required("line_number", "integer", "The line, unique in its order."),
        optional("customer_id", "text", "Who ordered. Null as long as the order is unknown."),
        optional("product_id", "text", "What was ordered."),
        required("reason", "text", "What the line waits for.", one_of(*REASONS)),
        optional("quantity", "integer", "How many.", above(0)),
        optional("unit_price", "decimal(14,2)", "Price of one.", at_least(0)),
        optional("discount", "decimal(14,2)", "What is taken off the line's amount.", at_least(0)),
        optional("line_amount", "decimal(14,2)", "What the line costs.", at_least(0)),
        required("waiting_since", "timestamp", "When the line's newest version was written, in UTC."),
    ),
)
