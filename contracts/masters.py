"""Master data: only the code is required, because a stranger's master must pass with whatever else it has."""

from __future__ import annotations

from contracts.kinds import Channel, Code, Day, Flag, Identifier, Integer, Money, Text
from contracts.model import Contract, facts, optional, required
from contracts.spec import CODE_PATTERN

SHORT, LONG = (1, 200), (1, 500)


class Sku(Contract):
    """Articles. Every snapshot is the whole master; an article that is gone from it stays known."""

    sku_code: Code = required("Article code.", str_matches=CODE_PATTERN)
    sku_name: Text = optional("Name shown to people.", str_length=LONG)
    brand: Text = optional("Brand.", str_length=SHORT)
    category: Text = optional("Category.", str_length=SHORT)
    sub_category: Text = optional("Category within the category.", str_length=SHORT)
    pack_size: Text = optional("Contents of a pack, as printed on it.", str_length=SHORT)
    pack_type: Text = optional("Sort of pack.", str_length=SHORT)
    mrp: Money = optional("Maximum retail price.")
    is_active: Flag = optional("Whether it is still sold.")
    launch_date: Day = optional("First day of sale.")
    discontinue_date: Day = optional("Last day of sale.")

    class Config:
        metadata = facts(
            "sku",
            prefix="raw/sap/masters/sku/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("sku_code",),
        )


class Geography(Contract):
    """Regions. Every snapshot is the whole master; a region that is gone from it stays known."""

    region_code: Code = required("Region code.", str_matches=CODE_PATTERN)
    region_name: Text = optional("Name shown to people.", str_length=LONG)
    zone: Text = optional("Sales zone.", str_length=SHORT)
    state: Text = optional("State or union territory.", str_length=SHORT)
    city_tier: Text = optional("Tier of its cities.", str_length=SHORT)
    population: Integer = optional("People who live there.")

    class Config:
        metadata = facts(
            "geography",
            prefix="raw/sap/masters/geography/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("region_code",),
        )


class Customer(Contract):
    """Customers of the trade. Every snapshot is the whole master; one that is gone from it stays known."""

    customer_id: Identifier = required("Customer number.", str_length=(1, 100))
    customer_name: Text = optional("Name shown to people.", str_length=LONG)
    customer_type: Text = optional("Sort of customer.", str_length=SHORT)
    channel: Channel = optional("Channel it buys through, spelled as in sales.", str_length=SHORT)
    account_manager: Text = optional("Who looks after it.", str_length=SHORT)
    credit_limit: Money = optional("Most that it may owe.")

    class Config:
        metadata = facts(
            "customer",
            prefix="raw/sap/masters/customer/year={date:%Y}/month={date:%m}/day={date:%d}/",
            key=("customer_id",),
        )
