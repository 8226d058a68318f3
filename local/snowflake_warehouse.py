"""Bring the warehouse up to date as on a real account: the account by an administrator, the tables by the deployer."""

from __future__ import annotations

import json
from pathlib import Path

from local import resources
from local.settings import LocalSettings
from local.snowflake_login import connect, public_key, write_connection
from warehouse.account.given import Given, given
from warehouse.migrate import migrate, migrate_account

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
