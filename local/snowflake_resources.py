"""Create the declared databases, schemas, tables, roles, users and stages. Run as a program, bring the warehouse up to date.

The warehouse is made as on a real account: the account's objects and grants by an administrator, the tables by the deployer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local import resources
from local.sample.shop.rows import TABLES
from local.settings import LocalSettings
from local.snowflake_login import connect, public_key, write_connection
from warehouse.account.checks import ensure
from warehouse.account.given import given
from warehouse.account.objects import account_objects
from warehouse.migrate import migrate, migrate_account

if TYPE_CHECKING:
    from warehouse.account.given import Given

_HERE = "127.0.0.1/32"


def write_outputs(settings: LocalSettings) -> Path:
    """The outputs of the stacks that the account's migration needs, as `cdk deploy --outputs-file` writes them."""
    path = settings.snowflake_state / "outputs.json"
    outputs = {
        "highwater-lake": {"LakeBucket": resources.LAKE.name},
        "highwater-access": {"SnowflakeRoleArn": resources.SNOWFLAKE_ROLE},
        "highwater-network": {"SnowflakeClients": _HERE},
    }
    path.write_text(json.dumps(outputs))
    return path


def create_warehouse(settings: LocalSettings) -> None:
    """Twice the account's part: it masks only tables that are there."""
    write_connection(settings)
    for part in (_account, _tables, _account):
        part(settings)


def create_stages(settings: LocalSettings) -> None:
    """Create what is missing of the account's objects, and the source's stages."""
    with connect(settings) as connection:
        ensure(connection, account_objects(resources.SNOWFLAKE_NAMES, _given(settings)))
        for stage in resources.SHOP.stages:
            connection.cursor().execute(f"CREATE STAGE IF NOT EXISTS {stage.name} URL = '{stage.url}'")


def create_shop(settings: LocalSettings) -> None:
    """Create the sample source, empty, and the user that reads it. `python -m local shop` fills it."""
    database, login = resources.SHOP, resources.SHOP_SECRET
    (schema,) = database.schemas
    with connect(settings) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database.name}")
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database.name}.{schema}")
        for table in TABLES:
            cursor.execute(table.creation(f"{database.name}.{schema}"))
        for stage in database.stages:
            cursor.execute(f"CREATE STAGE IF NOT EXISTS {stage.name} URL = '{stage.url}'")
        for statement in (
            f"CREATE ROLE IF NOT EXISTS {login.role}",
            f"CREATE WAREHOUSE IF NOT EXISTS {login.warehouse}",
            f"CREATE USER IF NOT EXISTS {login.user} TYPE = SERVICE DEFAULT_ROLE = {login.role}"
            " DEFAULT_SECONDARY_ROLES = ()",
            f"GRANT ROLE {login.role} TO USER {login.user}",
            f"GRANT USAGE ON WAREHOUSE {login.warehouse} TO ROLE {login.role}",
            f"GRANT USAGE ON DATABASE {database.name} TO ROLE {login.role}",
            f"GRANT USAGE ON SCHEMA {database.name}.{schema} TO ROLE {login.role}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {database.name}.{schema} TO ROLE {login.role}",
            f"GRANT USAGE ON ALL STAGES IN SCHEMA {database.name}.{schema} TO ROLE {login.role}",
        ):
            cursor.execute(statement)


def _account(settings: LocalSettings) -> None:
    with connect(settings) as connection:
        migrate_account(connection, resources.SNOWFLAKE_NAMES, _given(settings))


def _tables(settings: LocalSettings) -> None:
    with connect(settings, resources.DEPLOYER_SECRET) as connection:
        migrate(connection, resources.WAREHOUSE.name)


def _given(settings: LocalSettings) -> Given:
    key = public_key(settings.snowflake_state)
    return given(write_outputs(settings), [_HERE], key, key)


if __name__ == "__main__":
    create_warehouse(LocalSettings())
    sys.exit()
