"""silver.dim_products: products as they are now."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset

DIM_PRODUCTS = Dataset(
    domain="shop",
    name="dim_products",
    description="Products as they are now, a row each. One that is deleted stays, as orders refer to it.",
    key=("product_key",),
    columns=(
        required("product_key", "integer", "The product."),
        required("product_id", "text", "The product's id in the shop."),
        optional("product_name", "text", "Its name."),
        optional("category", "text", "Its category, by which sales are summed up, also those of before."),
        optional("brand", "text", "Its brand."),
        optional("unit_price", "decimal(14,2)", "Its price of today."),
        optional("is_active", "boolean", "Whether it is sold."),
        required("is_deleted", "boolean", "Whether it is deleted."),
        optional("created_at", "timestamp", "When it was written first, in UTC."),
        optional("updated_at", "timestamp", "When the version that is shown was written, in UTC."),
    ),
)
