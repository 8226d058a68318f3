"""python -m bench.churn --orders O.parquet --as-of 2025-01-06,2025-04-07 --horizon-days 90 [--out ROWS.parquet]

The churn model beside what one would use instead, on any order history, a Parquet file or a folder of them: customer_id
text, order_id text, order_ts timestamp, amount double, one row per order. Due are customers with an order in the 180 days
before 00:00 of a date; churned are those of them without an order in the horizon from it on. Each date trains on the orders
before it alone. Prints one JSON object: per method the figures as means over the dates, and by date. `seconds` is a method's
own time for one date.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.churn_table import Refused, Table, churned, load_orders, read_orders, refuse, table
from jobs.sagemaker.churn.churner import Churner, TooFewError
from jobs.sagemaker.churn.inputs import in_order
from jobs.sagemaker.churn.measures import measures
from jobs.sagemaker.churn.peers import PEERS
from jobs.sagemaker.churn.trees import Settings

OURS = "ours"
METHODS = (OURS, *PEERS)


def compare(orders: pd.DataFrame, dates: Sequence[date], horizon: int) -> tuple[dict[str, Any], pd.DataFrame]:
    """The figures, and a row per due customer, date and method."""
    for day in dates:
        refuse(orders, day, horizon)
    found: dict[str, dict[str, dict[str, Any]]] = {method: {} for method in METHODS}
    parts = []
    for day in dates:
        given = table(orders, day, horizon)
        truth = churned(orders, given.scored["customer_id"], day, horizon).astype(float)
        for method in METHODS:
            started = time.monotonic()
            try:
                probability = probabilities(method, given, horizon)
            except TooFewError as error:
                raise Refused(f"{day}: {error}") from error
            seconds = round(time.monotonic() - started, 2)
            found[method][day.isoformat()] = {**measures(truth, probability), "seconds": seconds}
            parts.append(_rows(given, method, probability))
            _tell(f"{day}: {method} in {seconds} s")
        rate = f"{len(truth)} due customers, of whom {truth.mean():.1%} churned"
        _tell(f"{day}: {rate}; trained on {given.training['as_of'].nunique()} dates")
    return {method: _means(by_date) for method, by_date in found.items()}, pd.concat(parts, ignore_index=True)


def probabilities(method: str, given: Table, horizon: int) -> np.ndarray:
    settings, rows = Settings(horizon_days=horizon), in_order(given.training)
    if method == OURS:
        return Churner.fitted(rows, settings, known=given.scored).probability(given.scored)
    known = pd.concat([rows, given.scored], ignore_index=True)
    peer: Callable[[pd.DataFrame], np.ndarray] = PEERS[method](rows, settings, known)
    return peer(given.scored)


def _rows(given: Table, method: str, probability: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": given.scored["customer_id"],
            "as_of": given.as_of,
            "method": method,
            "probability": probability,
        }
    )


def _means(by_date: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A figure that a date has not, because only one class was there, is left out of its mean."""
    names = next(iter(by_date.values())).keys()
    values = {name: [one[name] for one in by_date.values() if one[name] is not None] for name in names}
    means = {name: round(float(np.mean(known)), 6) if known else None for name, known in values.items()}
    return {**means, "by_as_of": by_date}


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _dates(text: str) -> list[date]:
    found = sorted({date.fromisoformat(part.strip()) for part in text.split(",") if part.strip()})
    if not found:
        raise argparse.ArgumentTypeError("give at least one date")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.churn", description="Churn forecasts beside peers."
    )
    parser.add_argument(
        "--orders",
        type=Path,
        required=True,
        help="the order history, one row per order: a Parquet file or a folder of them",
    )
    parser.add_argument("--as-of", type=_dates, required=True, help="dates to forecast from, comma-separated")
    parser.add_argument("--horizon-days", type=int, required=True)
    parser.add_argument("--out", type=Path, help="all forecasts row by row, as Parquet")
    given = parser.parse_args(arguments)
    if not given.orders.exists():
        parser.error(f"{given.orders} does not exist")
    if given.horizon_days < 1:
        parser.error(f"a horizon of {given.horizon_days} days is none")
    if given.out is not None:
        if wrong := _no_place(given.out, given.orders):
            parser.error(wrong)
        given.out.unlink(missing_ok=True)
    try:
        orders = read_orders(load_orders(given.orders))
        found, rows = compare(orders, given.as_of, given.horizon_days)
    except Refused as error:
        sys.exit(f"refused: {error}")
    if given.out is not None:
        _write(rows, given.out)
    print(json.dumps(found, indent=2))


def _no_place(out: Path, orders: Path) -> str | None:
    """What speaks against writing there, asked before anything is computed."""
    if not out.parent.is_dir():
        return f"--out {out}: {out.parent} does not exist"
    if out.is_dir():
        return f"--out {out} is a folder"
    if out.resolve() == orders.resolve() or orders.resolve() in out.resolve().parents:
        return f"--out {out} is where the orders are; they would be lost or mixed up with its rows"
    return None


def _write(rows: pd.DataFrame, out: Path) -> None:
    """Whole or not at all."""
    part = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        rows.to_parquet(part, index=False)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
