"""silver.dim_customers: customers with their history."""

from __future__ import annotations

from contracts.language.columns import between, optional, required
from contracts.language.dataset import Dataset

DIM_CUSTOMERS = Dataset(
    domain="shop",
    name="dim_customers",
    description="Customers, cleaned, with their history: a row for each time in which a customer's content stayed the same. "
    "The rows of a customer neither overlap nor leave a gap, but where the customer was deleted.",
    key=("customer_version_key",),
    columns=(
        required("customer_key", "integer", "The customer, the same in every version."),
        required("customer_version_key", "integer", "The version of the customer."),
        required("customer_id", "text", "The customer's id in the shop."),
        optional("full_name", "text", "First and last name.", personal=True),
        optional(
            "email_normalized", "text", "Email, trimmed, in lower case. Null if it is none.", personal=True
        ),
        optional("phone_normalized", "text", "Phone number, E.164. Null if it is not valid.", personal=True),
        optional(
            "address_standardized",
            "struct(street text, city text, state text, zip_code text, country text)",
            "The address, its parts with single spaces; state and country in upper case.",
            personal=True,
        ),
        required(
            "data_quality_score",
            "number",
            "Share of these that hold: both names there; email valid; phone valid; all parts of the address there; "
            "created_at there and not after updated_at.",
            between(0, 1),
        ),
        optional("is_active", "boolean", "Whether the customer may order."),
        optional("created_date", "date", "The day on which the customer was created."),
        required("last_updated_date", "date", "The day of the version."),
        required("effective_at", "timestamp", "From when the version holds."),
        required("expired_at", "timestamp", "Up to when it holds, itself not included. Open: 9999-12-31."),
        required("effective_date", "date", "The day of effective_at."),
        required("expiration_date", "date", "The day of expired_at."),
        required("is_current", "boolean", "Whether the version holds now. A deleted customer has none."),
    ),
)
