"""How accurate the demand forecasts were."""

from __future__ import annotations

from warehouse.marts import Mart

# Order matters: the second summarizes the first.
MARTS = (Mart("forecast_accuracy_mart", "forecast"), Mart("forecast_accuracy_summary_mart", "forecast"))
