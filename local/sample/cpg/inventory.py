"""Daily stock files, with one row per region and SKU on sale."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import Catalogue
from local.sample.cpg.defects import (
    CODE_SPELLINGS,
    INVENTORY_BAD_SKU,
    INVENTORY_CORRECTED,
    INVENTORY_NO_REGION,
    INVENTORY_REPEATED,
    MOST_BROKEN_ROWS,
    MOST_REPEATED_ROWS,
    how_many,
)  # fmt: skip
from local.sample.cpg.profile import Profile
from local.sample.cpg.sheet import AnyArray, Sheet
from local.sample.cpg.stock import StockDay
from local.sample.cpg.timeline import Stream, day_number, rng
from local.sample.cpg.truth import Truth

TYPES: dict[str, pa.DataType] = {
    "sku_code": pa.string(), "region_code": pa.string(), "snapshot_date": pa.date32(),
    "opening_stock": pa.int64(), "closing_stock": pa.int64(), "reorder_point": pa.int64(),
}  # fmt: skip
ALL_TEXT_EVERY_DAYS = 9
LEAST_STOCK_CORRECTED = 50
"""Corrections are small. With this much stock, they neither create nor remove a stock-out."""


def inventory_table(
    profile: Profile, catalogue: Catalogue, today: StockDay, yesterday: StockDay | None, truth: Truth
) -> pa.Table:
    draw = rng(profile.seed, Stream.INVENTORY_DEFECTS, day_number(today.day))
    columns = _columns(profile, catalogue, today)
    rows = len(columns["sku_code"])
    repeats = draw.integers(0, rows, how_many(INVENTORY_REPEATED.rate, rows, draw, MOST_REPEATED_ROWS))
    no_region = how_many(INVENTORY_NO_REGION.rate, rows, draw, MOST_BROKEN_ROWS / 2)
    bad_sku = how_many(INVENTORY_BAD_SKU.rate, rows, draw, MOST_BROKEN_ROWS / 2)
    extra = draw.integers(0, rows, no_region + bad_sku)
    corrections = how_many(INVENTORY_CORRECTED.rate, rows, draw)
    corrected = _corrections(profile, catalogue, yesterday, corrections, draw) if yesterday else None
    pieces = [columns, _take(columns, repeats), _take(columns, extra), *([corrected] if corrected else [])]
    sheet = Sheet(TYPES, {name: np.concatenate([piece[name] for piece in pieces]) for name in TYPES})
    for number in range(no_region + bad_sku):
        row = rows + len(repeats) + number
        if number < no_region:
            sheet.put("region_code", row, None)
        else:
            sheet.put("sku_code", row, "#N/A")
    spelled = draw.integers(0, sheet.rows, how_many(CODE_SPELLINGS, sheet.rows, draw))
    sheet.respell("sku_code", spelled, how=1)
    truth.rows_of["inventory", today.day] = sheet.rows
    truth.keys_of["inventory"] += rows
    counts = {
        INVENTORY_REPEATED: len(repeats),
        INVENTORY_NO_REGION: no_region,
        INVENTORY_BAD_SKU: bad_sku,
        INVENTORY_CORRECTED: len(corrected["sku_code"]) if corrected else 0,
    }
    truth.note(today.day, counts)
    is_text = day_number(today.day) % ALL_TEXT_EVERY_DAYS == 0
    return sheet.table(text=frozenset(TYPES) if is_text else frozenset())


def _columns(profile: Profile, catalogue: Catalogue, stock: StockDay) -> dict[str, AnyArray]:
    slot, region = np.nonzero(stock.on_sale)
    skus = (catalogue.sku_in(one, stock.day) for one in catalogue.slots)
    codes = np.array([sku.code if sku else None for sku in skus], dtype=object)
    return {
        "sku_code": codes[slot],
        "region_code": np.array([REGIONS[r].code for r in range(profile.regions)], dtype=object)[region],
        "snapshot_date": np.full(len(slot), np.datetime64(stock.day, "D")),
        "opening_stock": stock.opening[slot, region],
        "closing_stock": stock.closing[slot, region],
        "reorder_point": stock.reorder_point[slot, region],
    }


def _take(columns: dict[str, AnyArray], rows: NDArray[np.int64]) -> dict[str, AnyArray]:
    return {name: values[rows] for name, values in columns.items()}


def _corrections(
    profile: Profile, catalogue: Catalogue, yesterday: StockDay, wanted: int, draw: np.random.Generator
) -> dict[str, AnyArray]:
    columns = _columns(profile, catalogue, yesterday)
    well_stocked = np.flatnonzero(columns["closing_stock"].astype(np.int64) >= LEAST_STOCK_CORRECTED)
    rows = draw.permutation(well_stocked)[:wanted]
    picked = _take(columns, rows)
    return {
        **picked,
        "closing_stock": picked["closing_stock"].astype(np.int64) - draw.integers(1, 9, len(rows)),
    }
