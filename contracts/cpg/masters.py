"""Master data. Only the code is required, so that any customer's master is accepted with whatever columns it has."""

from __future__ import annotations

from contracts.language.columns import length, matches, optional, required
from contracts.language.dataset import CODE_PATTERN, Dataset, Reference
from contracts.language.delivery import OF_A_DAY, Delivery

TO_SKU = Reference("sku_code", "sku", "sku_key")
TO_GEOGRAPHY = Reference("region_code", "geography", "geo_key")
TO_CUSTOMER = Reference("customer_id", "customer", "customer_key")

_SHORT, _LONG = length(1, 200), length(1, 500)

SKU = Dataset(
    domain="cpg",
    name="sku",
    description="Articles. Every snapshot is the whole master; an article that is gone from it stays known.",
    key=("sku_code",),
    surrogate=TO_SKU.surrogate,
    delivery=Delivery("masters", "snapshot", "raw/sap/masters/sku/" + OF_A_DAY),
    columns=(
        required("sku_code", "code", "Article code.", matches(CODE_PATTERN)),
        optional("sku_name", "text", "Name shown to people.", _LONG),
        optional("brand", "text", "Brand.", _SHORT),
        optional("category", "text", "Category.", _SHORT),
        optional("sub_category", "text", "Category within the category.", _SHORT),
        optional("pack_size", "text", "Contents of a pack, as printed on it.", _SHORT),
        optional("pack_type", "text", "Sort of pack.", _SHORT),
        optional("mrp", "decimal", "Maximum retail price."),
        optional("is_active", "boolean", "Whether it is still sold."),
        optional("launch_date", "date", "First day of sale."),
        optional("discontinue_date", "date", "Last day of sale."),
    ),
)

GEOGRAPHY = Dataset(
    domain="cpg",
    name="geography",
    description="Regions. Every snapshot is the whole master; a region that is gone from it stays known.",
    key=("region_code",),
    surrogate=TO_GEOGRAPHY.surrogate,
    delivery=Delivery("masters", "snapshot", "raw/sap/masters/geography/" + OF_A_DAY),
    columns=(
        required("region_code", "code", "Region code.", matches(CODE_PATTERN)),
        optional("region_name", "text", "Name shown to people.", _LONG),
        optional("zone", "text", "Sales zone.", _SHORT),
        optional("state", "text", "State or union territory.", _SHORT),
        optional("city_tier", "text", "Tier of its cities.", _SHORT),
        optional("population", "integer", "People who live there."),
    ),
)

CUSTOMER = Dataset(
    domain="cpg",
    name="customer",
    description="Customers of the trade. Every snapshot is the whole master; one that is gone from it stays known.",
    key=("customer_id",),
    surrogate=TO_CUSTOMER.surrogate,
    delivery=Delivery("masters", "snapshot", "raw/sap/masters/customer/" + OF_A_DAY),
    columns=(
        required("customer_id", "identifier", "Customer number.", length(1, 100)),
        optional("customer_name", "text", "Name shown to people.", _LONG),
        optional("customer_type", "text", "Sort of customer.", _SHORT),
        optional("channel", "channel", "Channel it buys through, spelled as in sales.", _SHORT),
        optional("account_manager", "text", "Who looks after it.", _SHORT),
        optional("credit_limit", "decimal", "Most that it may owe."),
    ),
)
