"""Master data: only the code is required, because a stranger's master must pass with whatever else it has."""

from __future__ import annotations

from contracts.language.columns import length, matches, optional, required
from contracts.language.dataset import CODE_PATTERN, Dataset

_SHORT, _LONG = length(1, 200), length(1, 500)

SKU = Dataset(
    name="sku",
    description="Articles. Every snapshot is the whole master; an article that is gone from it stays known.",
    key=("sku_code",),
    prefix="raw/sap/masters/sku/year={date:%Y}/month={date:%m}/day={date:%d}/",
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
    name="geography",
    description="Regions. Every snapshot is the whole master; a region that is gone from it stays known.",
    key=("region_code",),
    prefix="raw/sap/masters/geography/year={date:%Y}/month={date:%m}/day={date:%d}/",
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
    name="customer",
    description="Customers of the trade. Every snapshot is the whole master; one that is gone from it stays known.",
    key=("customer_id",),
    prefix="raw/sap/masters/customer/year={date:%Y}/month={date:%m}/day={date:%d}/",
    columns=(
        required("customer_id", "identifier", "Customer number.", length(1, 100)),
        optional("customer_name", "text", "Name shown to people.", _LONG),
        optional("customer_type", "text", "Sort of customer.", _SHORT),
        optional("channel", "channel", "Channel it buys through, spelled as in sales.", _SHORT),
        optional("account_manager", "text", "Who looks after it.", _SHORT),
        optional("credit_limit", "decimal", "Most that it may owe."),
    ),
)
