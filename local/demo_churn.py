"""The churn model in the demo: who of the shop's customers will stay away, and an endpoint that says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.settings import LocalSettings
from local.sql import Result, query

FLOW = "customer-churn"
# A few hundred customers are too few for the limits of calibration, and for one of two good methods to be the better one.
_GATE = {"skill_min": 0, "ece_max": None, "beats_logistic": False}
_PARAMETERS = {
    "tune": {"trials": 2},
    "gate": _GATE,
    "register": {"auto_approve": True},
    "deploy": {"watch_minutes": 0},
    "minimum_due": 200,
}
_DECILES = (
    "SELECT decile, COUNT(*) AS CUSTOMERS, ROUND(MIN(probability), 3) AS LEAST, ROUND(AVG(probability), 3) AS MEAN, "
    "ROUND(MAX(probability), 3) AS MOST FROM ML_OUTPUTS.CHURN_PREDICTIONS GROUP BY decile ORDER BY decile"
)
_LIKELIEST = (
    "SELECT customer_id, ROUND(probability, 3) AS PROBABILITY, reasons FROM ML_OUTPUTS.CHURN_PREDICTIONS "
    "ORDER BY probability DESC, customer_key LIMIT 3"
)


def show_churn(settings: LocalSettings, run: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """Train, score and deploy. `run` runs the flow."""
    found = run(_PARAMETERS)
    shown = (
        "model",
        "chosen",
        "customers",
        "expected_churners",
        "average_precision",
        "over_rfm_rule",
        "log_loss",
        "endpoint",
    )
    return "\n".join(
        [
            "Who of the shop's customers will order nothing in the next 90 days: the model, and what it expects",
            Result(["FIGURE", "VALUE"], [(name, found[name]) for name in shown]).indented(),
            query(_DECILES, settings).indented(),
            query(_LIKELIEST, settings).indented(),
        ]
    )
