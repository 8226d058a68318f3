"""The names of one environment in a Snowflake account, all made of the name of its database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from warehouse.names import identifier

SCHEMAS: Final = ("RAW", "CURATED", "STAGE", "DW", "MARTS", "MARKETING_STAGE", "ML_OUTPUTS", "MONITORING")
ADMIN_SCHEMA: Final = "ADMIN"
"""Holds the history of the account's migrations. Nobody but ACCOUNTADMIN reaches it."""
MIGRATIONS_SCHEMA: Final = "MIGRATIONS"
"""Holds the history of the tables' migrations. The deployer owns it, and no role of flows or people reaches it."""


@dataclass(frozen=True)
class AccountNames:
    """Two environments can share an account, because nothing here has a name without the database in it."""

    database: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "database", identifier(self.database).upper())

    @property
    def deployer(self) -> str:
        return f"{self.database}_DEPLOYER"

    @property
    def loader(self) -> str:
        return f"{self.database}_LOADER"

    @property
    def transformer(self) -> str:
        return f"{self.database}_TRANSFORMER"

    @property
    def analyst(self) -> str:
        return f"{self.database}_ANALYST"

    @property
    def reader(self) -> str:
        return f"{self.database}_READER"

    @property
    def worker(self) -> str:
        """The user that flows log in as."""
        return f"{self.database}_WORKER"

    @property
    def deploy(self) -> str:
        """The user that migrations log in as."""
        return f"{self.database}_DEPLOY"

    @property
    def load_warehouse(self) -> str:
        return f"{self.database}_LOAD_WH"

    @property
    def transform_warehouse(self) -> str:
        return f"{self.database}_TRANSFORM_WH"

    @property
    def analytics_warehouse(self) -> str:
        return f"{self.database}_ANALYTICS_WH"

    @property
    def integration(self) -> str:
        return f"{self.database}_LAKE"

    @property
    def stage(self) -> str:
        return f"{self.database}.CURATED.LAKE"

    @property
    def monitor(self) -> str:
        return f"{self.database}_MONTHLY"

    @property
    def nat_policy(self) -> str:
        """The network policy of flows."""
        return f"{self.database}_NAT"

    @property
    def migrations_policy(self) -> str:
        """The network policy of migrations, which people run from elsewhere too."""
        return f"{self.database}_MIGRATIONS"
