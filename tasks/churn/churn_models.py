"""The registry of the churn models."""

from __future__ import annotations

from tasks.models.model_registry import CONTENT_TYPE, Registry
from tasks.settings import settings

HORIZON_DAYS = "horizon_days"
JSON = "application/json"
"""What the endpoint is asked in, one record or a few; files are Parquet."""


def registry() -> Registry:
    return Registry(
        settings().churn_model_group, "Churn of each customer", (CONTENT_TYPE, JSON), alike=HORIZON_DAYS
    )
