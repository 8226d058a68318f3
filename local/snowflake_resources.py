"""Create the sample source's database, tables, stages, and the user that reads them."""

from __future__ import annotations

from local import resources
from local.sample.shop.rows import TABLES
from local.settings import LocalSettings
from local.snowflake_login import connect


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
