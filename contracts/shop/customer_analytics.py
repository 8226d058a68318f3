"""What each customer of the shop ordered."""

from __future__ import annotations

from contracts.language.columns import at_least, between, optional, required
from contracts.language.dataset import Dataset

CUSTOMER_ANALYTICS = Dataset(
    domain="shop",
    name="customer_analytics",
    description="A row per customer known, deleted ones too. Orders count that are neither cancelled nor deleted, returned "
    "ones too. Amounts are in the customer's most used currency.",
    key=("customer_key",),
    columns=(
        required("customer_key", "integer", "The customer, as in silver.dim_customers."),
        required("customer_id", "text", "The customer, as in the source."),
        required(
            "customer_segment",
            "text",
            "The first rule of deployments/medallion/shop.yaml that matches, or the default.",
        ),
        required(
            "lifetime_value",
            "decimal(18,2)",
            "Sum of line_amount of the orders in `currency`; 0 without orders.",
            at_least(0),
        ),
        required("total_orders", "integer", "Orders, in whatever currency.", at_least(0)),
        required(
            "avg_order_value",
            "decimal(18,2)",
            "lifetime_value / orders in `currency`, rounded half up to cents; 0 without orders.",
            at_least(0),
        ),
        optional(
            "currency",
            "text",
            "Currency of the most orders; of several the one with the greater amount, then by name. An unknown one only if "
            "there is no other. Null without orders.",
        ),
        optional("last_order_date", "date", "UTC day of the last order, in whatever currency."),
        optional(
            "preferred_category",
            "text",
            "Category with the greatest amount in `currency`, then by name; lines without a category do not count.",
        ),
        optional("geographic_region", "text", "State of the current version, or of the last one if deleted."),
        optional(
            "churn_probability",
            "number",
            "Of ml.churn_predictions, as of its latest as_of that is not after analysis_date; null for those who were not "
            "scored then, and until there is a model. Its horizon_days are those of the approved model.",
            between(0, 1),
        ),
        required("analysis_date", "date", "UTC day of the run; recency counts to it."),
    ),
)
