"""What became of the customers who were scored."""

from __future__ import annotations

from warehouse.marts import Mart

CHURN_ACCURACY = Mart("churn_accuracy", "churn")
