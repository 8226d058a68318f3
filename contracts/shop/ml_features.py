"""Features of the shop's customers for the churn model."""

from __future__ import annotations

from contracts.language.columns import at_least, between, optional, required
from contracts.language.dataset import Column, Dataset

_WINDOWS = (30, 90, 180, 365)
_SHARE = between(0, 1)


def _counts(days: int) -> Column:
    return required(
        f"orders_{days}d", "integer", f"Orders of the {days} days before analysis_date.", at_least(0)
    )


def _amounts(days: int) -> Column:
    what = f"Amount in `currency` of the {days} days before analysis_date."
    return required(f"amount_{days}d", "decimal(18,2)", what, at_least(0))


ML_FEATURES = Dataset(
    domain="shop",
    name="ml_features",
    description="A row per analysis_date and customer who had a version or an order before it. Only orders before 00:00 UTC "
    "of analysis_date count, and of the customer the last version before it. Orders count that are neither cancelled nor "
    "deleted as far as is known now, if nothing else is said. Rows of earlier days stay.",
    key=("customer_key", "analysis_date"),
    columns=(
        required("customer_key", "integer", "The customer, as in silver.dim_customers."),
        required("customer_id", "text", "The customer, as in the source."),
        required("analysis_date", "date", "Nothing that is dated on or after this day is in the row."),
        optional(
            "tenure_days", "integer", "Days since created_date; null if unknown, or not before analysis_date."
        ),
        optional("is_active", "boolean", "is_active of the version; null without a version."),
        required("is_deleted", "boolean", "Whether the customer was deleted before analysis_date."),
        optional("region", "text", "State of the version."),
        optional("country", "text", "Country of the version, ISO alpha-2."),
        optional("data_quality_score", "number", "Score of the version.", _SHARE),
        optional("currency", "text", "Most used currency, as in customer_analytics. Null without orders."),
        required("orders", "integer", "Orders.", at_least(0)),
        optional("recency_days", "integer", "Days since the last order: 1 if it was the day before."),
        optional("days_since_first_order", "integer", "Days since the first order."),
        *(_counts(days) for days in _WINDOWS),
        required("amount", "decimal(18,2)", "Amount in `currency`.", at_least(0)),
        *(_amounts(days) for days in _WINDOWS),
        required(
            "avg_order_value",
            "decimal(18,2)",
            "amount / orders in `currency`, rounded half up to cents; 0 without orders.",
            at_least(0),
        ),
        required("categories", "integer", "Distinct categories, as products are in now.", at_least(0)),
        optional(
            "top_category_share",
            "number",
            "Share of the category with the greatest amount in `amount`; null if that is 0 or no category is known.",
            _SHARE,
        ),
        optional(
            "cancelled_rate",
            "number",
            "Cancelled orders / all orders, cancelled ones too; null without.",
            _SHARE,
        ),
        optional("returned_rate", "number", "Returned orders / all orders, cancelled ones too.", _SHARE),
        optional(
            "mean_gap_days",
            "number",
            "Mean of the days between an order and the next, with fractions; null below two orders.",
            at_least(0),
        ),
        optional(
            "std_gap_days",
            "number",
            "Sample standard deviation of these gaps; null below three orders.",
            at_least(0),
        ),
        optional("gap_ratio", "number", "recency_days / mean_gap_days; null if that is null or 0."),
    ),
)
