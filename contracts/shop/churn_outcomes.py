"""What became of the customers who were scored."""

from __future__ import annotations

from contracts.language.columns import at_least, required
from contracts.language.dataset import Dataset

CHURN_OUTCOMES = Dataset(
    domain="shop",
    name="churn_outcomes",
    description="A row per as_of and customer of ml.churn_predictions, once the horizon is over. Computed again for five "
    "weeks, for orders that come late or are cancelled.",
    key=("customer_key", "as_of"),
    columns=(
        required("customer_key", "integer", "The customer, as in silver.dim_customers."),
        required("as_of", "date", "The day of the scoring."),
        required("horizon_days", "integer", "The days over which churn was predicted.", at_least(1)),
        required(
            "churned", "boolean", "Whether no order that counts was placed in the horizon_days from as_of on."
        ),
    ),
)
