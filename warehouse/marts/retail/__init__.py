"""The retail marts: sales per day and store, how stores perform, and the best of each month."""

from __future__ import annotations

from warehouse.marts import Mart

DAILY_SALES = Mart("retail_daily_sales", "retail")
STORE_PERFORMANCE = Mart("retail_store_performance", "retail")
TOP_STORES = Mart("retail_top_stores", "retail")
