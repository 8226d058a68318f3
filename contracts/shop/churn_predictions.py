"""How likely each customer of the shop is to stay away."""

from __future__ import annotations

from contracts.language.columns import at_least, between, required
from contracts.language.dataset import Dataset

CHURN_PREDICTIONS = Dataset(
    domain="shop",
    name="churn_predictions",
    description="A row per as_of and customer who was scored: those with an order in the 180 days before as_of "
    "who were not deleted. Another scoring of the same as_of replaces its rows.",
    key=("customer_key", "as_of"),
    columns=(
        required("customer_key", "integer", "The customer, as in silver.dim_customers."),
        required("customer_id", "text", "The customer, as in the source."),
        required("as_of", "date", "The day whose 00:00 UTC the score is of."),
        required("horizon_days", "integer", "The days over which churn is predicted.", at_least(1)),
        required(
            "probability",
            "number",
            "Probability that the customer places no order in the horizon_days from as_of on.",
            between(0, 1),
        ),
        required(
            "decile",
            "integer",
            "Tenth of the customers of as_of: 1 are the likeliest to stay away.",
            between(1, 10),
        ),
        required("reasons", "text", "What spoke most for the score: a JSON list of texts."),
        required("model_version", "text", "The version of the model in the registry."),
        required("run_id", "text", "The run that scored."),
    ),
)
