"""What differs between dev, staging and prod: sizes, spares and money. Each has an AWS account of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True)
class Environment:
    name: Literal["dev", "staging", "prod"]
    zones: int
    nat_gateways: int
    """0: nothing leaves the VPC but through endpoints, so Snowflake needs PrivateLink and Prefect a server of our own."""
    interface_endpoints: bool
    """Without them AWS traffic takes the NAT gateway: cheaper while there is little of it."""
    log_days: int


DEV: Final = Environment("dev", zones=2, nat_gateways=1, interface_endpoints=False, log_days=30)
STAGING: Final = Environment("staging", zones=2, nat_gateways=1, interface_endpoints=True, log_days=90)
PROD: Final = Environment("prod", zones=2, nat_gateways=2, interface_endpoints=True, log_days=365)
ENVIRONMENTS: Final = {environment.name: environment for environment in (DEV, STAGING, PROD)}
