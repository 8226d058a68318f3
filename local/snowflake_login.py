"""Logins of the local Snowflake: the key pair of all users, and an administrator's connection."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import resource_kinds, resources
from local.settings import LOOPBACK, LocalSettings

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

CONNECTION = "administrator"
"""The section of connections.toml."""


def key_pair(directory: Path) -> str:
    """The private key in PEM format, created once per local cloud."""
    path = directory / "private_key.pem"
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        directory.mkdir(parents=True, exist_ok=True)
        _write(path, pem)
    return path.read_text()


def public_key(directory: Path) -> Path:
    """The file with the public key in PEM format."""
    private = serialization.load_pem_private_key(key_pair(directory).encode(), password=None)
    path = directory / "public_key.pem"
    path.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return path


def write_connection(settings: LocalSettings) -> None:
    """connections.toml in SNOWFLAKE_HOME, as an administrator has one of a real account."""
    key_pair(settings.snowflake_state)
    text = f"""[{CONNECTION}]
account = "{resources.SNOWFLAKE_SECRET.account}"
user = "{resources.ADMINISTRATOR}"
authenticator = "SNOWFLAKE_JWT"
private_key_file = "{settings.snowflake_state / "private_key.pem"}"
host = "{LOOPBACK}"
port = {settings.snowflake_port}
protocol = "http"
"""
    _write(settings.snowflake_home / "connections.toml", text.encode())


def connect(
    settings: LocalSettings, login: resource_kinds.SnowflakeSecret | None = None, **options: str
) -> SnowflakeConnection:
    """A session of the login's user, or the administrator's."""
    import snowflake.connector

    key = serialization.load_pem_private_key(key_pair(settings.snowflake_state).encode(), password=None)
    who = (
        {"user": login.user, "role": login.role, "warehouse": login.warehouse, "database": login.database}
        if login
        else {"user": resources.ADMINISTRATOR, "role": "ACCOUNTADMIN"}
    )
    return snowflake.connector.connect(
        host=LOOPBACK,
        port=settings.snowflake_port,
        protocol="http",
        account=(login or resources.SNOWFLAKE_SECRET).account,
        private_key=key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        login_timeout=30,
        network_timeout=120,
        **{**who, **options},
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
