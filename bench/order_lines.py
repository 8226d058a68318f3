"""Order lines for the benchmark: one raw date of N lines, with the defects that a real delivery has."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

RAW_DATE = dt.date(2025, 3, 31)
LINES_PER_FILE = 250_000
REPEATED = 0.004
CORRECTED = 0.006
BROKEN = 0.02
CHANNELS = np.array(["Modern Trade", "General-Trade", " ecommerce", "MODERN_TRADE", "general_trade"])
BREAKS = ("sku_code", "region_code", "customer_id", "quantity", "net_revenue", "channel", "order_date")

Texts = npt.NDArray[np.str_]


def delivered(rows: int, folder: Path, seed: int = 7) -> list[Path]:
    """The files of the data set, written once per number of rows: a half-written set is never taken for a whole one."""
    done = folder / "complete.json"
    if not done.exists():
        (folder / "lines").mkdir(parents=True, exist_ok=True)
        files = [_write(folder, number, size, seed) for number, size in enumerate(_sizes(rows))]
        pending = folder / "complete.pending"
        pending.write_text(json.dumps([path.name for path in files]))
        pending.replace(done)
    return [folder / "lines" / name for name in json.loads(done.read_text())]


def _sizes(rows: int) -> list[int]:
    whole, rest = divmod(rows, LINES_PER_FILE)
    return [LINES_PER_FILE] * whole + ([rest] if rest else [])


def _write(folder: Path, number: int, size: int, seed: int) -> Path:
    path = folder / "lines" / f"part-{number:05d}.parquet"
    pq.write_table(_lines(np.random.default_rng([seed, number]), number, size), path)
    return path


def _lines(rng: np.random.Generator, number: int, size: int) -> pa.Table:
    again = int(size * (REPEATED + CORRECTED))
    fresh = _fresh_lines(rng, number, size - again)
    corrected = fresh.take(pa.array(rng.choice(fresh.num_rows, int(size * CORRECTED), replace=False)))
    later = pa.array(np.full(corrected.num_rows, "2025-03-31T23:10:00"))
    corrected = corrected.set_column(corrected.column_names.index("changed_at"), "changed_at", later)
    repeated = fresh.take(pa.array(rng.choice(fresh.num_rows, again - corrected.num_rows, replace=False)))
    table = pa.concat_tables([fresh, corrected, repeated])
    return table.take(pa.array(rng.permutation(table.num_rows)))


def _fresh_lines(rng: np.random.Generator, number: int, size: int) -> pa.Table:
    line = np.arange(size)
    sku = (line // 3 * 7 + line % 3 * 131) % 2_000
    quantity = rng.integers(1, 60, size)
    gross = np.round(quantity * rng.uniform(20, 400, size), 2)
    discount = np.round(gross * rng.choice([0, 0.05, 0.1, 0.25], size), 2)
    promo = rng.random(size) < 0.2
    days = rng.geometric(0.35, size).clip(max=45) - 1
    order_date = np.datetime64(RAW_DATE) - days.astype("timedelta64[D]")
    seconds = rng.integers(0, 86_400, size).astype("timedelta64[s]")
    changed_at = order_date.astype("datetime64[s]") + seconds
    columns: dict[str, npt.NDArray[Any]] = {
        "order_id": _coded("SO", number * LINES_PER_FILE + line // 3, 10),
        "sku_code": np.where(line % 5 == 0, np.char.lower(_coded("SKU-", sku, 5)), _coded("SKU-", sku, 5)),
        "customer_id": _coded("C", rng.integers(0, 20_000, size), 6),
        "region_code": np.char.add(
            _coded("IN-", rng.integers(0, 60, size), 3), np.where(line % 7 == 0, " ", "")
        ),
        "quantity": quantity.astype(str),
        "net_revenue": np.round(gross - discount, 2),
        "order_date": order_date.astype(str),
        "channel": rng.choice(CHANNELS, size),
        "gross_revenue": gross,
        "trade_discount": discount,
        "cost_of_goods": np.round(gross * 0.6, 2),
        "is_promo_sale": promo,
        "promo_id": np.where(promo, _coded("PR", rng.integers(0, 400, size), 5), ""),
        "changed_at": changed_at.astype(str),
    }
    _break(rng, columns, size)
    return pa.table(columns)


def _coded(prefix: str, numbers: npt.NDArray[np.integer], digits: int) -> Texts:
    return np.char.add(prefix, np.char.zfill(numbers.astype(str), digits))


def _break(rng: np.random.Generator, columns: dict[str, npt.NDArray[Any]], size: int) -> None:
    wrong: dict[str, Any] = {
        "sku_code": "#bad!",
        "region_code": "",
        "customer_id": "  ",
        "quantity": "5 pcs",
        "net_revenue": -1.0,
        "channel": "door_to_door",
        "order_date": "2025-02-30",
    }
    broken = rng.choice(size, int(size * BROKEN), replace=False)
    for column, lines in zip(BREAKS, np.array_split(broken, len(BREAKS)), strict=True):
        columns[column][lines] = wrong[column]
