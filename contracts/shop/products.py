"""Products of the shop."""

from __future__ import annotations

from contracts.language.columns import at_least, optional, required
from contracts.language.dataset import Dataset
from contracts.shop.stamps import STAMPS

PRODUCTS = Dataset(
    domain="shop",
    name="products",
    description="Products of the shop, a row each.",
    key=("product_id",),
    version_column="updated_at",
    columns=(
        required("product_id", "text", "The product."),
        optional("product_name", "text", "Its name."),
        optional("category", "text", "Its category, by which sales are summed up."),
        optional("brand", "text", "Its brand."),
        optional("unit_price", "decimal(14,2)", "Its price of today.", at_least(0)),
        optional("is_active", "boolean", "Whether it is sold."),
        *STAMPS,
    ),
)
