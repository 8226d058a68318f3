"""The consumer-goods domain: deliveries from SAP, Nielsen and the trade promotion calendar."""

from __future__ import annotations

from contracts.cpg.inventory import INVENTORY
from contracts.cpg.market import MARKET
from contracts.cpg.masters import CUSTOMER, GEOGRAPHY, SKU
from contracts.cpg.promotions import PROMOTIONS
from contracts.cpg.sales import SALES

DELIVERED = (SALES, INVENTORY, MARKET, PROMOTIONS, SKU, GEOGRAPHY, CUSTOMER)
