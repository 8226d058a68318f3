"""Lines of the shop's orders."""

from __future__ import annotations

from contracts.language.columns import above, at_least, optional, required
from contracts.language.dataset import Dataset, Reference
from contracts.shop.stamps import STAMPS

ORDER_ITEMS = Dataset(
    domain="shop",
    name="order_items",
    description="Lines of the shop's orders, a row each.",
    key=("order_id", "line_number"),
    version_column="updated_at",
    references=(
        Reference("order_id", "shop_orders", "order_key"),
        Reference("product_id", "shop_products", "product_key"),
    ),
    columns=(
        required("order_id", "text", "The order."),
        required("line_number", "integer", "The line, unique in its order."),
        optional("product_id", "text", "What was ordered."),
        optional("quantity", "integer", "How many.", above(0)),
        optional("unit_price", "decimal(14,2)", "Price of one.", at_least(0)),
        optional("discount", "decimal(14,2)", "What is taken off the line's amount.", at_least(0)),
        optional("line_amount", "decimal(14,2)", "What the line costs.", at_least(0)),
        *STAMPS,
    ),
)
