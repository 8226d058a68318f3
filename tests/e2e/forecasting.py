"""A small company whose demand a model can learn and a naive method cannot: planned promotions double its sales."""

from __future__ import annotations

import os
import random
import signal
import textwrap
from datetime import date, timedelta
from typing import Any

from tests.e2e import forked
from tests.e2e.deliveries import deliver, masters, sale
from tests.e2e.world import ROOT, World

SUNDAY = date(2025, 3, 2)  # the last day of the history; its forecast is made on Monday the 3rd
WEEKS = 80
SKUS = ("SKU-1", "SKU-2", "SKU-3")
REGIONS = ("NORTH", "SOUTH")
HORIZON_WEEKS = 3


def monday(number: int) -> date:
    """0 is the first week that is forecast."""
    return SUNDAY + timedelta(days=1, weeks=number)


def is_promoted(sku: str, number: int) -> bool:
    return random.Random(f"4 {sku} {number}").random() < 0.3


def units(sku: str, region: str, number: int) -> int:
    base = 40 * (1 + SKUS.index(sku)) * (1 + REGIONS.index(region))
    noise = random.Random(f"{sku} {region} {number}").uniform(0.95, 1.05)
    return round(base * noise * (2.0 if is_promoted(sku, number) else 1.0))


def history(first: int = -WEEKS, last: int = -1) -> list[dict[str, Any]]:
    """One line a series and week, on its Wednesday."""
    return [
        sale(
            f"O-{sku}-{region}-{number}",
            monday(number) + timedelta(days=2),
            units(sku, region, number) * 10,
            sku_code=sku,
            region_code=region,
            quantity=units(sku, region, number),
        )
        for number in range(first, last + 1)
        for sku in SKUS
        for region in REGIONS
    ]


def calendar() -> list[dict[str, Any]]:
    return [
        {
            "promo_id": f"P-{sku}-{number}",
            "sku_code": sku,
            "region_code": region,
            "week": monday(number),
            "promo_type": "price_off",
            "promo_discount_pct": 0.25,
            "is_promoted": True,
            "planned_spend": 500,
        }
        for number in range(-WEEKS, HORIZON_WEEKS)
        for sku in SKUS
        for region in REGIONS
        if is_promoted(sku, number)
    ]


def deliver_all() -> None:
    masters(SUNDAY, skus=SKUS)
    deliver("promotions", SUNDAY, calendar())
    deliver("sales", SUNDAY, history())


SOURCES = ("sales", "promotions", "masters")
SERIES = len(SKUS) * len(REGIONS)
TOTAL_UNITS = sum(units(s, r, n) for n in range(-WEEKS, 0) for s in SKUS for r in REGIONS)


def killed_forecast(world: World, as_of: date, before: str) -> None:
    """The forecast in a process of its own that dies where `before` arranged it."""
    script = textwrap.dedent(
        f"""
        {before}
        from datetime import date
        from flows.demand_forecast import demand_forecast
        from tasks.forecast.forecast_gate import Gate
        from tasks.models.model_registry import Registration
        demand_forecast(as_of=date.fromisoformat("{as_of}"), horizon_days={HORIZON_WEEKS * 7},
                        gate=Gate(mape_max=None), register=Registration(auto_approve=True))
        """
    )
    code, output = forked.run(script, {**os.environ, **world.cloud.environment}, ROOT, seconds=240)
    assert code == -signal.SIGKILL, output
