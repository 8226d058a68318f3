"""A run of silver: from the new rows of bronze to the rows of silver that differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from contracts.shop import EXTRACTED, SILVER
from jobs.glue.keys import surrogate
from jobs.glue.layers.frames import bronze, keys_of, of_keys, settled
from jobs.glue.layers.manifest import LayerWork
from jobs.glue.layers.profile import profile
from jobs.glue.layers.table_change import Change, TableChange
from jobs.glue.shop import silver_checks
from jobs.glue.shop.affected import affected_orders, orders_that_name
from jobs.glue.shop.customers import dim_customers
from jobs.glue.shop.order_lines import fact_orders, order_lines, pending_orders
from jobs.glue.shop.products import dim_products
from jobs.glue.storage import Storage

CUSTOMERS, PRODUCTS, FACTS, PENDING = "dim_customers", "dim_products", "fact_orders", "pending_orders"
_LINES = (FACTS, PENDING)


class SilverRun:
    def __init__(self, spark: SparkSession, storage: Storage, work: LayerWork) -> None:
        self.spark = spark
        self.storage = storage
        self.work = work
        self.figures: dict[str, Any] = {"tables": {}, "checks": [], "profile": [], "rows": {}}

    def run(self) -> dict[str, Any]:
        customers = self._dimension(
            CUSTOMERS, "customers", "customer_id", dim_customers, ("is_current", "customer_id")
        )
        products = self._dimension(PRODUCTS, "products", "product_id", dim_products, ("product_id",))
        self._lines(
            self._changed(customers, CUSTOMERS, "customers", "customer_id", "customer_key"),
            self._changed(
                products, PRODUCTS, "products", "product_id", "product_key", ("product_key", "category")
            ),
        )
        return self.figures

    def _dimension(self, name: str, entity: str, key: str, compute: Any, order: Sequence[str]) -> Change:
        keys = self._keys((name,), entity, key)
        rows = self._bronze(entity)
        computed = settled(compute(rows if keys is None else of_keys(rows, keys, [key])))
        change = self._table(name).apply(computed, keys, [key], order)
        self._report(name, change, computed)
        return change

    def _changed(
        self,
        change: Change,
        table: str,
        entity: str,
        identifier: str,
        surrogate_key: str,
        seen: Sequence[str] = (),
    ) -> DataFrame:
        """The members whose rows differ in what lines see; all that are new in bronze, if lines are of another state."""
        deltas = [self.work.tables[name].deltas[entity] for name in (table, *_LINES)]
        if all(delta == deltas[0] for delta in deltas):
            return settled(change.keys(identifier, surrogate_key, seen=seen))
        keys = self._keys(_LINES, entity, identifier)
        found = self._bronze(entity).select(identifier).distinct() if keys is None else keys
        return settled(found.selectExpr(identifier, f"{surrogate(identifier)} AS {surrogate_key}"))

    def _lines(self, customers: DataFrame, products: DataFrame) -> None:
        tables = {name: self._table(name) for name in _LINES}
        orders, items = self._bronze("orders"), self._bronze("order_items")
        affected = None
        if not any(self.work.tables[name].is_whole for name in _LINES):
            affected = self._affected(customers, products)
            orders, items = (settled(of_keys(rows, affected, ["order_id"])) for rows in (orders, items))
        lines = settled(
            order_lines(orders, items, self._involved(CUSTOMERS, orders), self._involved(PRODUCTS, items))
        )
        for name, select in ((FACTS, fact_orders), (PENDING, pending_orders)):
            computed = select(lines)
            change = tables[name].apply(computed, affected, ["order_id"], _ORDER[name])
            self._report(name, change, computed)

    def _affected(self, customers: DataFrame, products: DataFrame) -> DataFrame:
        """The orders whose lines may differ. After half a commit a line may be in neither table: bronze is asked too."""
        found = affected_orders(
            self._new("orders"),
            self._new("order_items"),
            facts=self._table(FACTS).rows(),
            pending=self._table(PENDING).rows(),
            changed_customers=customers,
            changed_products=products,
        )
        facts, pending = (self.work.tables[name].deltas for name in _LINES)
        if facts != pending:
            named = orders_that_name(self._bronze("orders"), self._bronze("order_items"), customers, products)
            found = found.union(named).distinct()
        return settled(found)

    def _involved(self, name: str, rows: DataFrame) -> DataFrame:
        """The dimension's rows of those that these rows name, from bronze: whatever state the dimension's table is in."""
        entity, key, compute = _INVOLVED[name]
        return compute(of_keys(self._bronze(entity), keys_of(rows, [key]), [key]))  # type: ignore[no-any-return]

    def _keys(self, tables: Sequence[str], entity: str, key: str) -> DataFrame | None:
        """The keys that are new in bronze to any of the tables. None for all."""
        if any(self.work.tables[name].is_whole for name in tables):
            return None
        files = self.work.added(entity, tables)
        return keys_of(bronze(self.spark, EXTRACTED[entity], files), [key])

    def _new(self, entity: str) -> DataFrame:
        return bronze(self.spark, EXTRACTED[entity], self.work.added(entity, _LINES))

    def _bronze(self, entity: str) -> DataFrame:
        return bronze(self.spark, EXTRACTED[entity], self.work.sources[entity])

    def _table(self, name: str) -> TableChange:
        return TableChange(self.spark, self.storage, SILVER[name], self.work.tables[name])

    def _report(self, name: str, change: Change, computed: DataFrame) -> None:
        self.figures["tables"][name] = change.figures
        self.figures["rows"][f"{name}_added"] = change.figures["rows_added"]
        self.figures["checks"] += silver_checks.findings(name, computed)
        lines = profile(computed, SILVER[name])
        self.figures["profile"] += lines
        address = f"{self.work.tables[name].output}/profile.json"
        self.storage.write_text(address, json.dumps(lines))
        self.figures["tables"][name]["profile"] = address


_ORDER = {FACTS: ("order_date", "order_id", "line_number"), PENDING: ("order_id", "line_number")}
_INVOLVED: dict[str, tuple[str, str, Any]] = {
    CUSTOMERS: ("customers", "customer_id", dim_customers),
    PRODUCTS: ("products", "product_id", dim_products),
}
