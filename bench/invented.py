"""python -m bench.invented --kind heavy --dir D: two years of invented sales as the files that bench.forecast takes.

Worlds that differ in what is hard about them. heavy: a fifth of the weeks is promoted, deep, at a price that shows it;
flagged: promotions are in the calendar alone, the price is silent; intermittent: more than half of the weeks sell nothing;
frequent (bench/frequent.py): few articles, promoted in half of the weeks, whose promotions vary as much as they lift.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bench import frequent

FIRST_MONDAY, WEEKS = date(2021, 10, 4), 120
ARTICLES, REGIONS, CATEGORIES = 60, 4, 6
DISCOUNTS = (0.1, 0.2, 0.3)
LIFTS = {"display": 1.35, "leaflet": 1.7, "price_off": 2.3}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    units_a_week: float
    promoted_share: float
    price_tells: bool


WORLDS = {
    "heavy": World(units_a_week=40, promoted_share=0.2, price_tells=True),
    "flagged": World(units_a_week=40, promoted_share=0.1, price_tells=False),
    "intermittent": World(units_a_week=0.6, promoted_share=0.05, price_tells=True),
}
FREQUENT = "frequent"
KINDS = (*sorted(WORLDS), FREQUENT)


def tables(kind: str, seed: int = 11) -> dict[str, pd.DataFrame]:
    """Sales by day, the promotion calendar and the articles; the same seed gives the same rows."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    if kind == FREQUENT:
        series = _series(frequent.ARTICLES, frequent.REGIONS)
        kinds, discounts, price, expected = frequent.world(rng)
        return _written(rng, series, kinds, discounts, price, rng.poisson(expected), frequent.KINDS, 1)
    world, series = WORLDS[kind], _series(ARTICLES, REGIONS)
    kinds, discounts = _promotions(world, rng, len(series))
    price = np.repeat(rng.uniform(20, 300, ARTICLES), REGIONS)[:, None] * (1 - discounts * world.price_tells)
    expected = _level(world, rng, series) * _season(rng, series) * _lift(rng, series, kinds, discounts)
    by_week = rng.poisson(expected * rng.gamma(20, 1 / 20, expected.shape))  # more than chance alone
    return _written(rng, series, kinds, discounts, price, by_week, tuple(LIFTS), CATEGORIES)


def _series(articles: int, regions: int) -> pd.DataFrame:
    return pd.DataFrame(
        {"article": np.repeat(np.arange(articles), regions), "region": np.tile(np.arange(regions), articles)}
    )


def _written(
    rng: np.random.Generator,
    series: pd.DataFrame,
    kinds: npt.NDArray[np.int64],
    discounts: Floats,
    price: Floats,
    by_week: npt.NDArray[np.int64],
    names: tuple[str, ...],
    categories: int,
) -> dict[str, pd.DataFrame]:
    weeks = pd.date_range(FIRST_MONDAY, periods=by_week.shape[1], freq="W-MON")
    articles = range(int(series["article"].max()) + 1)
    codes = series.assign(
        sku_code=[f"SKU-{n:03d}" for n in series["article"]], region_code=[f"R-{n}" for n in series["region"]]
    )
    return {
        "sales": _sales(rng, codes, weeks, by_week, price),
        "promotions": _calendar(codes, weeks, kinds, discounts, names),
        "sku": pd.DataFrame(
            {
                "sku_code": [f"SKU-{n:03d}" for n in articles],
                "sku_name": [f"Article {n}" for n in articles],
                "brand": "Invented",
                "category": [f"Category {n % categories}" for n in articles],
            }
        ),
    }


def _promotions(world: World, rng: np.random.Generator, series: int) -> tuple[npt.NDArray[np.int64], Floats]:
    """Per series and week the kind's number, 0 for none, and the discount."""
    promoted = rng.random((series, WEEKS)) < world.promoted_share
    kinds = np.where(promoted, rng.integers(1, len(LIFTS) + 1, promoted.shape), 0)
    return kinds, np.where(promoted, rng.choice(DISCOUNTS, promoted.shape), 0.0)


def _level(world: World, rng: np.random.Generator, series: pd.DataFrame) -> Floats:
    article = rng.lognormal(0, 0.8, ARTICLES)[series["article"]]
    own = world.units_a_week * article / article.mean() * rng.lognormal(0, 0.3, len(series))
    walk = np.cumsum(rng.normal(0, 0.02, (len(series), WEEKS)), axis=1)
    return np.asarray(own[:, None] * np.exp(walk))


def _season(rng: np.random.Generator, series: pd.DataFrame) -> Floats:
    depth, peak = rng.uniform(0.05, 0.35, CATEGORIES), rng.uniform(0, 52, CATEGORIES)
    category = (series["article"] % CATEGORIES).to_numpy()
    angle = 2 * np.pi * (np.arange(WEEKS)[None, :] - peak[category][:, None]) / 52.18
    return np.asarray(1 + depth[category][:, None] * np.cos(angle))


def _lift(
    rng: np.random.Generator, series: pd.DataFrame, kinds: npt.NDArray[np.int64], discounts: Floats
) -> Floats:
    """By kind and depth, more for some articles than for others; who has stocked up buys less in the week after."""
    of_kind = np.array([1.0, *LIFTS.values()])[kinds]
    keen = rng.lognormal(0, 0.2, ARTICLES)[series["article"]][:, None]
    lifted = np.where(kinds > 0, 1 + (of_kind - 1) * keen * (0.5 + 2.5 * discounts), 1.0)
    before = np.pad(kinds, ((0, 0), (1, 0)))[:, :-1] > 0
    return np.asarray(lifted * np.where(before & (kinds == 0), 0.85, 1.0))


def _sales(
    rng: np.random.Generator,
    codes: pd.DataFrame,
    weeks: pd.DatetimeIndex,
    by_week: npt.NDArray[np.int64],
    price: Floats,
) -> pd.DataFrame:
    by_day = rng.multinomial(by_week, np.array([0.11, 0.11, 0.12, 0.13, 0.16, 0.2, 0.17]))
    which, week, day = np.nonzero(by_day)
    units, paid = by_day[which, week, day], price[which, week]
    return pd.DataFrame(
        {
            "order_id": [f"O-{n}" for n in range(len(units))],
            "sku_code": codes["sku_code"].to_numpy()[which],
            "customer_id": "C-1",
            "region_code": codes["region_code"].to_numpy()[which],
            "quantity": units,
            "net_revenue": np.round(units * paid, 2),
            "order_date": (weeks[week] + pd.to_timedelta(day, unit="D")).date,
            "channel": "modern_trade",
        }
    )


def _calendar(
    codes: pd.DataFrame,
    weeks: pd.DatetimeIndex,
    kinds: npt.NDArray[np.int64],
    discounts: Floats,
    kind_names: tuple[str, ...],
) -> pd.DataFrame:
    which, week = np.nonzero(kinds)
    names = np.array(["", *kind_names])
    return pd.DataFrame(
        {
            "promo_id": [f"P-{n}" for n in range(len(which))],
            "sku_code": codes["sku_code"].to_numpy()[which],
            "region_code": codes["region_code"].to_numpy()[which],
            "week": weeks[week].date,
            "promo_type": names[kinds[which, week]],
            "promo_discount_pct": discounts[which, week],
            "is_promoted": True,
        }
    )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.invented", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument(
        "--dir", type=Path, required=True, help="gets sales.parquet, promotions.parquet, sku.parquet"
    )
    given = parser.parse_args(arguments)
    given.dir.mkdir(parents=True, exist_ok=True)
    for name, table in tables(given.kind).items():
        table.to_parquet(given.dir / f"{name}.parquet", index=False)
        print(f"{given.dir / name}.parquet: {len(table)} rows")


if __name__ == "__main__":
    main()
