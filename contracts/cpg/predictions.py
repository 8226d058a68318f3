"""The contract that a forecast must meet before it is published.

Not a delivered dataset: nothing is cast and no row is quarantined. One invalid row means that the model or its inputs are
broken, so the whole forecast is rejected.
"""

from __future__ import annotations

import sys

from contracts.language.columns import at_most_column, between, matches, monday, one_of, required
from contracts.language.dataset import CODE_PATTERN, Dataset

MODEL_TYPES = ("model", "category_profile", "zero")
_FINITE = between(0, sys.float_info.max)

DEMAND_PREDICTIONS = Dataset(
    domain="cpg",
    name="demand_predictions",
    description="Weekly demand per SKU and region, with the interval that should hold the actual units in 80 of 100 weeks.",
    key=("sku_code", "region_code", "forecast_week"),
    columns=(
        required("sku_code", "code", "Article, as in the SKU master.", matches(CODE_PATTERN)),
        required("region_code", "code", "Region.", matches(CODE_PATTERN)),
        required("forecast_week", "date", "Monday that the week starts on.", monday()),
        required("predicted_units", "number", "Units expected.", _FINITE, at_most_column("upper")),
        required("lower", "number", "Lower end of the interval.", _FINITE, at_most_column("predicted_units")),
        required("upper", "number", "Upper end of the interval.", _FINITE),
        required("model_type", "text", "How the series was forecast.", one_of(*MODEL_TYPES)),
    ),
)
