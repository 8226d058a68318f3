"""The marketing domain: who the customers are, and what they click on."""

from __future__ import annotations

from contracts.marketing.clickstream import CLICKSTREAM
from contracts.marketing.demographics import DEMOGRAPHICS

DELIVERED = (DEMOGRAPHICS, CLICKSTREAM)
