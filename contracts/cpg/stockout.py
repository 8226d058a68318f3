"""When a week says little about demand because there was too little to sell: one rule for the forecast and for the marts."""

from __future__ import annotations

STOCKOUT_DAYS = 3
"""From this many days on that close at zero or below, a week is one without stock."""
