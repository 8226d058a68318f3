"""The shop domain: the tables of the Snowflake medallion, from those of the source to those for analysts."""

from __future__ import annotations

from contracts.language.dataset import Dataset
from contracts.shop.churn_predictions import CHURN_PREDICTIONS
from contracts.shop.customer_analytics import CUSTOMER_ANALYTICS
from contracts.shop.customers import CUSTOMERS
from contracts.shop.dim_customers import DIM_CUSTOMERS
from contracts.shop.dim_products import DIM_PRODUCTS
from contracts.shop.fact_orders import FACT_ORDERS
from contracts.shop.ml_features import ML_FEATURES
from contracts.shop.order_items import ORDER_ITEMS
from contracts.shop.orders import ORDERS
from contracts.shop.pending_orders import PENDING_ORDERS
from contracts.shop.products import PRODUCTS
from contracts.shop.sales_summary import SALES_SUMMARY

EXTRACTED: dict[str, Dataset] = {
    dataset.name: dataset for dataset in (CUSTOMERS, PRODUCTS, ORDERS, ORDER_ITEMS)
}
"""What is extracted, by name. Only a key part is required: of all else, what a rule does not forbid passes."""

SILVER: dict[str, Dataset] = {
    dataset.name: dataset for dataset in (DIM_CUSTOMERS, DIM_PRODUCTS, FACT_ORDERS, PENDING_ORDERS)
}
"""What is cleaned and has its history, by name."""

GOLD: dict[str, Dataset] = {
    dataset.name: dataset for dataset in (CUSTOMER_ANALYTICS, SALES_SUMMARY, ML_FEATURES)
}
"""What is summed up, by name."""

LEARNED: dict[str, Dataset] = {CHURN_PREDICTIONS.name: CHURN_PREDICTIONS}
"""What models say, by name."""
