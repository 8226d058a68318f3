"""Forecasts against what was then sold: actuals of closed weeks, and the marts made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.services.snowflake import execute
from tasks.warehouse.warehouse_write import writing
from warehouse import marts
from warehouse.load import predictions

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection


def refresh(connection: SnowflakeConnection) -> None:
    """Fill in the weeks that have closed or were corrected since. Without any forecast there is nothing to do."""
    if execute(connection, predictions.has_predictions())[0]:
        with writing(connection, "actuals and accuracy of the forecasts"):
            execute(connection, predictions.fill_actuals())
            for statement in marts.statements(marts.FORECAST_MARTS):
                execute(connection, statement)
