"""The current date in the business time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from prefect import runtime

from tasks.settings import settings


def business_today() -> date:
    return datetime.now(ZoneInfo(settings().time_zone)).date()


def scheduled_today() -> date:
    """The business day for which the run was scheduled, even if it started after midnight."""
    scheduled = runtime.flow_run.scheduled_start_time or datetime.now(UTC)
    return scheduled.astimezone(ZoneInfo(settings().time_zone)).date()
