"""What differs between environments: sizes, spares and money. Each has an AWS account of its own, so names do not differ."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from deployments import names


@dataclass(frozen=True)
class Environment:
    name: str
    database: str
    """In Snowflake. What the account has for it is named after it, so environments can share a Snowflake account."""
    zones: int
    nat_gateways: int
    """0: nothing leaves the VPC but through endpoints, so Snowflake needs PrivateLink and Prefect a server of our own."""
    interface_endpoints: bool
    """Without them AWS traffic takes the NAT gateway: cheaper while there is little of it."""
    prefect: Literal["cloud", "self-hosted"]
    glue_worker: Literal["G.1X", "G.2X", "G.4X"]
    glue_workers: int
    workers_most: int
    """Prefect workers; each only starts tasks and watches them, so one is enough until there are hundreds at once."""
    database_zones: int
    scheduled: bool
    """As HIGHWATER_SCHEDULES_ACTIVE of deployments/<name>.env: a day without a run is an alarm."""
    log_days: Literal[30, 90, 365]
    budget_usd: int
    cost_centre: str
    """As finance knows it; resources are tagged with it."""
    owner: str = "data-platform"
    """The team that answers for the account."""


DEV: Final = Environment(
    name="dev",
    database=f"{names.DATABASE}_DEV",
    zones=2,
    nat_gateways=1,
    interface_endpoints=False,
    prefect="cloud",
    glue_worker="G.1X",
    glue_workers=2,
    workers_most=1,
    database_zones=1,
    scheduled=False,
    log_days=30,
    budget_usd=200,
    cost_centre="highwater-development",
)
PROD: Final = Environment(
    name="prod",
    database=names.DATABASE,
    zones=2,
    nat_gateways=2,
    interface_endpoints=True,
    prefect="cloud",
    glue_worker="G.2X",
    glue_workers=5,
    workers_most=3,
    database_zones=2,
    scheduled=True,
    log_days=365,
    budget_usd=1500,
    cost_centre="highwater-production",
)
STAGING: Final = replace(
    PROD,
    name="staging",
    database=f"{names.DATABASE}_STAGING",
    nat_gateways=1,
    workers_most=1,
    log_days=90,
    budget_usd=800,
    cost_centre="highwater-development",
)
PRIVATE: Final = replace(PROD, name="private", nat_gateways=0, prefect="self-hosted")
"""Production without any way to the internet."""
ENVIRONMENTS: Final = {environment.name: environment for environment in (DEV, STAGING, PROD, PRIVATE)}
