"""Weekly full snapshots of SKUs, regions and customers, as known on that Monday."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from local.sample.cpg.assortment import REGIONS
from local.sample.cpg.catalogue import Catalogue, mrp_of
from local.sample.cpg.customers import Customers
from local.sample.cpg.defects import CODE_SPELLINGS, CUSTOMER_NO_ID, MOST_BROKEN_ROWS, how_many
from local.sample.cpg.profile import Profile
from local.sample.cpg.sheet import AnyArray, Sheet
from local.sample.cpg.timeline import Stream, rng, week_of
from local.sample.cpg.truth import Truth

SKU_TYPES: dict[str, pa.DataType] = {
    "sku_code": pa.string(), "sku_name": pa.string(), "brand": pa.string(), "category": pa.string(),
    "sub_category": pa.string(), "pack_size": pa.string(), "pack_type": pa.string(), "mrp": pa.float64(),
    "is_active": pa.bool_(), "launch_date": pa.date32(), "discontinue_date": pa.date32(),
}  # fmt: skip
GEOGRAPHY_TYPES: dict[str, pa.DataType] = {
    "region_code": pa.string(), "region_name": pa.string(), "zone": pa.string(), "state": pa.string(),
    "city_tier": pa.string(), "population": pa.int64(),
}  # fmt: skip
CUSTOMER_TYPES: dict[str, pa.DataType] = {
    "customer_id": pa.string(), "customer_name": pa.string(), "customer_type": pa.string(),
    "channel": pa.string(), "account_manager": pa.string(), "credit_limit": pa.float64(),
}  # fmt: skip
ALL_TEXT_EVERY_WEEKS = 8


class Masters:
    def __init__(self, profile: Profile, catalogue: Catalogue, customers: Customers, truth: Truth) -> None:
        self._profile, self._catalogue, self._customers, self._truth = profile, catalogue, customers, truth
        self._keys: set[tuple[str, str]] = set()

    def tables(self, snapshot: date) -> list[tuple[str, pa.Table]]:
        return [
            ("sku", self._sku(snapshot)),
            ("geography", self._geography(snapshot)),
            ("customer", self._customer(snapshot)),
        ]

    def _sku(self, snapshot: date) -> pa.Table:
        rows = []
        for sku in self._catalogue.known_on(snapshot):
            is_over = sku.discontinued is not None and sku.discontinued <= snapshot
            end = np.datetime64(sku.discontinued, "D") if is_over else np.datetime64("NaT", "D")
            pack, category = sku.slot.pack, sku.slot.category.name
            mrp = mrp_of(sku.slot, week_of(snapshot))
            names = (sku.code, sku.name, sku.slot.brand, category, pack.sub_category, pack.size, pack.kind)
            rows.append((*names, mrp, not is_over, np.datetime64(sku.launch, "D"), end))
        return self._table("sku", snapshot, Sheet(SKU_TYPES, _columns(SKU_TYPES, rows)), "sku_code")

    def _geography(self, snapshot: date) -> pa.Table:
        rows = [
            (place.code, place.name, place.zone, place.state, place.city_tier, place.population)
            for place in REGIONS[: self._profile.regions]
        ]
        sheet = Sheet(GEOGRAPHY_TYPES, _columns(GEOGRAPHY_TYPES, rows))
        return self._table("geography", snapshot, sheet, "region_code")

    def _customer(self, snapshot: date) -> pa.Table:
        draw = rng(self._profile.seed, Stream.MASTER_DEFECTS, week_of(snapshot))
        known = [one for one in self._customers.buying_on(snapshot) if one.joined <= snapshot]
        rows = [
            (one.id, one.name, one.kind, one.channel, one.manager(snapshot), one.credit_limit(snapshot))
            for one in known
        ]
        nameless = how_many(CUSTOMER_NO_ID.rate, len(rows), draw, MOST_BROKEN_ROWS)
        rows.extend(rows[:nameless])
        sheet = Sheet(CUSTOMER_TYPES, _columns(CUSTOMER_TYPES, rows))
        for row in range(len(known), len(rows)):
            sheet.put("customer_id", row, None)
        self._truth.note(snapshot, {CUSTOMER_NO_ID: nameless})
        return self._table("customer", snapshot, sheet, "customer_id")

    def _table(self, dataset: str, snapshot: date, sheet: Sheet, key: str) -> pa.Table:
        week = week_of(snapshot)
        draw = rng(self._profile.seed, Stream.MASTER_DEFECTS, 1_000_000 + week)
        codes = {(dataset, str(sheet.columns[key][row])) for row in range(sheet.rows)}
        self._truth.keys_of[dataset] += len(codes - self._keys)
        self._keys |= codes
        self._truth.rows_of[dataset, snapshot] = sheet.rows
        if key != "customer_id":
            sheet.respell(
                key, draw.integers(0, sheet.rows, how_many(CODE_SPELLINGS, sheet.rows, draw)), how=week
            )
        is_text = week % ALL_TEXT_EVERY_WEEKS == 0
        return sheet.table(text=frozenset(sheet.types) if is_text else frozenset())


def _columns(types: dict[str, pa.DataType], rows: Sequence[tuple[object, ...]]) -> dict[str, AnyArray]:
    columns: dict[str, AnyArray] = {}
    for (name, type_), values in zip(types.items(), zip(*rows, strict=True), strict=True):
        is_text = type_.equals(pa.string())
        columns[name] = np.array(values, dtype=object if is_text else None)
    return columns
