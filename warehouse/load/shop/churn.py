"""Statements on the scores of customers."""

from __future__ import annotations

from datetime import date

from warehouse.statement import Statement


def count_scores(as_of: date) -> Statement:
    return Statement(
        f"count scores of {as_of}",
        "SELECT COUNT(*) FROM ML_OUTPUTS.CHURN_PREDICTIONS WHERE as_of = %s",
        (as_of,),
    )
