"""A run's page in the UI: its progress, and formatted figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact


def readable(value: Any) -> str:
    """A figure with thousands separators and at most two decimals; a dash if it is unknown."""
    if value is None:
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if isinstance(value, (float, Decimal)) else str(value)


def rounded(value: float | None) -> float | str:
    return "unknown" if value is None else round(value, 4)


def progress_started(key: str, description: str) -> UUID:
    return create_progress_artifact(progress=0.0, key=key, description=description)  # type: ignore[return-value]


def progress_moved(artifact: UUID, percent: float, description: str) -> None:
    update_progress_artifact(artifact_id=artifact, progress=percent, description=description)
