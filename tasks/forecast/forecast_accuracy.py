"""Forecast accuracy: fill in actual sales of closed weeks, and rebuild the accuracy marts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse.load import predictions
from warehouse.marts.forecast import MARTS

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def refresh(connection: SnowflakeConnection) -> None:
    """Fill in actuals of weeks that have closed or were corrected since. Does nothing if there are no forecasts."""
    if execute(connection, predictions.has_predictions())[0]:
        with writing(connection, "actuals and accuracy of the forecasts"):
            execute(connection, predictions.fill_actuals())
            for mart in MARTS:
                execute(connection, mart.overwrite())
