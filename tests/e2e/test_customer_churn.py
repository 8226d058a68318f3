"""The churn model on the local cloud: from the shop's orders to scores, and to an endpoint that answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.shop import EXTRACTED
from flows.customer_churn import customer_churn
from flows.snowflake_medallion import snowflake_medallion
from local.cloud import Cloud
from local.shop import change_shop
from local.sql import connect
from tasks.churn.churn_gate import ChurnGate
from tasks.churn.churn_training import Tuning
from tasks.models.model_registry import Registration
from tests.e2e.world import World

HORIZON, CUSTOMERS, HISTORY = 60, 500, 500
GATE = ChurnGate(skill_min=0, beats_logistic=False, ece_max=None, worse_max=1)


@pytest.fixture(scope="module")
def world(cloud: Cloud) -> Iterator[World]:
    """A shop of some years, extracted, with silver and gold."""
    fresh = World(cloud)
    fresh.empty()
    with closing(connect(cloud.settings)) as connection:
        change_shop(connection, timedelta(days=1), 1, CUSTOMERS, days=HISTORY)
    state = snowflake_medallion(return_state=True)  # type: ignore[call-overload]
    assert state.is_completed(), state.message
    yield fresh
    fresh.empty()
    for entity in EXTRACTED:
        fresh.sql(f"DELETE FROM SHOP.PUBLIC.{entity}")


def churn(**how: Any) -> dict[str, Any]:
    state = customer_churn(  # type: ignore[call-overload]
        horizon_days=HORIZON,
        tune=Tuning(trials=2),
        gate=GATE,
        register=Registration(auto_approve=True),
        minimum_due=100,
        return_state=True,
        **how,
    )
    assert state.is_completed(), state.message
    found: dict[str, Any] = state.result()
    return found


def test_each_due_customer_is_scored_or_refused(world: World) -> None:
    found = churn()
    print(found)
    day = datetime.now(UTC).date()
    rows = world.sql(f"SELECT * FROM ML_OUTPUTS.CHURN_PREDICTIONS WHERE as_of = '{day}'")
    assert len(rows) == found["customers"]
