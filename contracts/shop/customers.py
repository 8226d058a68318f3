"""Customers of the shop."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset
from contracts.shop.stamps import STAMPS

CUSTOMERS = Dataset(
    domain="shop",
    name="customers",
    description="Customers of the shop, a row each. A change of a customer changes the row.",
    key=("customer_id",),
    version_column="updated_at",
    columns=(
        required("customer_id", "text", "The customer."),
        optional("first_name", "text", "Given name.", personal=True),
        optional("last_name", "text", "Family name.", personal=True),
        optional("email", "text", "Address for mail, as typed.", personal=True),
        optional("phone", "text", "Phone number, as typed.", personal=True),
        optional("address", "text", "Street and number.", personal=True),
        optional("city", "text", "City."),
        optional("state", "text", "State or province: the region of the customer's orders."),
        optional("zip_code", "text", "Postal code."),
        optional("country", "text", "Country, ISO alpha-2."),
        optional("is_active", "boolean", "Whether the customer may order."),
        *STAMPS,
    ),
)
