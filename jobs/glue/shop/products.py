"""silver.dim_products: products as they are now (SCD type 1)."""

from __future__ import annotations

from pyspark.sql import DataFrame

from contracts.shop.dim_products import DIM_PRODUCTS
from contracts.shop.products import PRODUCTS
from jobs.glue.keys import surrogate
from jobs.glue.shop.versions import IS_GONE, newest


def dim_products(bronze: DataFrame) -> DataFrame:
    """The newest version of the products that these rows of bronze are of. One that is gone keeps its last content."""
    rows = newest(bronze, PRODUCTS).where("is_known")
    computed = {"product_key": surrogate("product_id"), "is_deleted": IS_GONE}
    columns = (f"{computed.get(column, column)} AS {column}" for column in DIM_PRODUCTS.names)
    return rows.selectExpr(*columns)
