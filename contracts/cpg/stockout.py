"""The stock-out rule shared by the forecast and the marts: in such a week, sales say little about demand."""

from __future__ import annotations

STOCKOUT_DAYS = 3
"""A week with at least this many days that close at zero stock or below counts as out of stock."""
