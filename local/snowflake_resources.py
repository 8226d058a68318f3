"""Create the declared databases, schemas, tables and stages, and the key pair with which clients log in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import resources
from local.sample.shop.rows import TABLES
from local.settings import LOOPBACK, LocalSettings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor


def key_pair(directory: Path) -> str:
    """The private key in PEM format, created once per local cloud."""
    path = directory / "private_key.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
    return path.read_text()


def create_database(settings: LocalSettings) -> None:
    with _connect(settings) as connection:
        _create(connection.cursor(), resources.WAREHOUSE)


def create_shop(settings: LocalSettings) -> None:
    """Create the sample source, empty. `python -m local shop` fills it."""
    (schema,) = resources.SHOP.schemas
    with _connect(settings) as connection:
        cursor = connection.cursor()
        _create(cursor, resources.SHOP)
        for table in TABLES:
            cursor.execute(table.creation(f"{resources.SHOP.name}.{schema}"))


def _create(cursor: SnowflakeCursor, database: resources.SnowflakeDatabase) -> None:
    cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database.name}")
    for schema in database.schemas:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {database.name}.{schema}")


def create_stages(settings: LocalSettings) -> None:
    """Create the stages, after the migrations and at every start, because the server keeps them in memory."""
    with _connect(settings) as connection:
        for stage in (*resources.WAREHOUSE.stages, *resources.SHOP.stages):
            connection.cursor().execute(f"CREATE STAGE IF NOT EXISTS {stage.name} URL = '{stage.url}'")


def _connect(settings: LocalSettings) -> SnowflakeConnection:
    import snowflake.connector

    declared = resources.SNOWFLAKE_SECRET
    key = serialization.load_pem_private_key(key_pair(settings.snowflake_state).encode(), password=None)
    return snowflake.connector.connect(
        host=LOOPBACK,
        port=settings.snowflake_port,
        protocol="http",
        account=declared.account,
        user=declared.user,
        private_key=key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        login_timeout=30,
        network_timeout=60,
    )
