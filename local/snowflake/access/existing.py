"""Which objects exist in DuckDB, by their full names."""

from __future__ import annotations

from typing import Any

from local.snowflake.access.securables import Securable

_STAGES = "_fs_global._fs_information_schema._fs_stages"
_FORMATS = "_fs_global._fs_information_schema._fs_file_formats"
_LASTING = "NOT temporary AND NOT internal"
_FOUND = {
    "DATABASE": "SELECT database_name FROM duckdb_databases() WHERE NOT internal",
    "SCHEMA": "SELECT database_name, schema_name FROM duckdb_schemas() WHERE database_name NOT IN ('system', 'temp')",
    "TABLE": f"SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE {_LASTING}",
    "VIEW": f"SELECT database_name, schema_name, view_name FROM duckdb_views() WHERE {_LASTING}",
    "SEQUENCE": "SELECT database_name, schema_name, sequence_name FROM duckdb_sequences() WHERE NOT temporary",
    "STAGE": f"SELECT database_name, schema_name, name FROM {_STAGES}",
    "FILE FORMAT": f"SELECT database_name, schema_name, name FROM {_FORMATS}",
}
_NAMED_BY = {
    "DATABASE": ("database_name",),
    "SCHEMA": ("database_name", "schema_name"),
    "TABLE": ("database_name", "schema_name", "table_name"),
    "VIEW": ("database_name", "schema_name", "view_name"),
    "SEQUENCE": ("database_name", "schema_name", "sequence_name"),
    "STAGE": ("database_name", "schema_name", "name"),
    "FILE FORMAT": ("database_name", "schema_name", "name"),
}
_FAKESNOWS = {"_FS_INFORMATION_SCHEMA", "_FS_GLOBAL", "MEMORY", "MAIN", "PG_CATALOG"}
_RELATIONS = ("TABLE", "VIEW")


def may_be_there(securable: Securable) -> bool:
    """Whether DuckDB has objects of this kind."""
    return securable.kind in _FOUND


def is_there(connection: Any, securable: Securable) -> bool:
    """A table and a view are asked for as one: they share a space of names."""
    kinds = _RELATIONS if securable.kind in _RELATIONS else (securable.kind,)
    return any(_found(connection, kind, securable.name) for kind in kinds if kind in _FOUND)


def _found(connection: Any, kind: str, name: tuple[str, ...]) -> bool:
    """All rows are fetched: what is left of a result would keep the connection busy."""
    condition = " AND ".join(f"upper({column}) = ?" for column in _NAMED_BY[kind])
    return bool(connection.execute(f"SELECT 1 FROM ({_FOUND[kind]}) WHERE {condition}", [*name]).fetchall())


def all_of(connection: Any, kind: str) -> list[Securable]:
    """All of a kind, without what fakesnow has for itself."""
    found = connection.execute(f"{_FOUND[kind]} ORDER BY ALL").fetchall()
    securables = (Securable(kind, tuple(part.upper() for part in name)) for name in found)
    return [each for each in securables if _FAKESNOWS.isdisjoint(each.name)]
