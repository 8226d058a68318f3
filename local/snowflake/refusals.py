"""Refuse statements that fakesnow would report as successful without doing what Snowflake does."""

from __future__ import annotations

import re

from snowflake.connector.errors import ProgrammingError
from sqlglot import Expr, exp

_PRETENDED = {
    exp.DynamicProperty: "CREATE DYNAMIC TABLE (it would be a table that never refreshes)",
    exp.MaterializedProperty: "CREATE MATERIALIZED VIEW (it would be a plain view)",
    exp.ExternalProperty: "CREATE EXTERNAL TABLE (it would be an empty table)",
    exp.IcebergProperty: "CREATE ICEBERG TABLE (it would be a plain table)",
    exp.RowAccessProperty: "a ROW ACCESS POLICY (every row would be shown)",
    exp.Tags: "tags (nothing would be tagged)",
}
_WITHOUT_EFFECT = (
    exp.TemporaryProperty,
    exp.TransientProperty,
    exp.ClusterProperty,
    exp.Cluster,
    exp.SchemaCommentProperty,
    exp.CopyGrantsProperty,
    exp.LikeProperty,
    exp.SecureProperty,
)
_SETTINGS_WITHOUT_EFFECT = {"COMMENT", "DATA_RETENTION_TIME_IN_DAYS", "MAX_DATA_EXTENSION_TIME_IN_DAYS"}
_KINDS = {"TABLE", "VIEW", "SCHEMA", "DATABASE", "SEQUENCE", "STAGE", "FILE FORMAT"}
_OWN_SETTINGS = {"SEQUENCE", "STAGE", "FILE FORMAT"}  # fakesnow handles the settings of these itself
_CREATE_OR_ALTER = re.compile(r"\s*CREATE\s+OR\s+ALTER\b", re.IGNORECASE)


def unsupported(what: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"Unsupported feature: the local Snowflake cannot run {what}. Real Snowflake may; see docs/parity.md.",
        errno=2,
        sqlstate="0A000",
    )


def refuse_what_would_be_pretended(statement: Expr, command: str) -> None:
    if isinstance(statement, exp.Block):
        _refuse_several(statement)
    if statement.find(exp.Changes):
        raise unsupported("CHANGES (no changes are tracked)")
    if statement.find(exp.HistoricalData):
        raise unsupported("AT and BEFORE (tables have no history)")
    if _CREATE_OR_ALTER.match(command):
        raise unsupported("CREATE OR ALTER (it would replace the table and lose its rows)")
    if isinstance(statement, exp.Create):
        _refuse_creation(statement)
    if isinstance(statement, exp.Drop) and statement.args["kind"] == "TAG":
        raise unsupported("DROP TAG")
    if isinstance(statement, exp.Alter):
        _refuse_alteration(statement)
    if isinstance(statement, exp.Command) and statement.name.upper() in (
        "CREATE",
        "ALTER",
        "DROP",
        "EXECUTE",
    ):
        raise unsupported(" ".join(command.split())[:60])


def _refuse_several(block: exp.Block) -> None:
    count = sum(not isinstance(statement, exp.Semicolon) for statement in block.expressions)
    raise ProgrammingError(
        msg=f"Actual statement count {count} did not match the desired statement count 1."
        " The local Snowflake takes one statement a request; see docs/parity.md.",
        errno=8,
        sqlstate="0A000",
    )


def _refuse_creation(statement: exp.Create) -> None:
    kind = str(statement.args["kind"]).upper()
    properties = statement.args.get("properties")
    found = properties.expressions if properties else []
    for property_ in found:
        if reason := _PRETENDED.get(type(property_)):
            raise unsupported(reason)
    if kind not in _KINDS:
        raise unsupported(f"CREATE {kind}")
    if statement.args.get("clone") and kind != "TABLE":
        raise unsupported(f"CREATE {kind} … CLONE (it would be empty)")
    for property_ in found if kind not in _OWN_SETTINGS else []:
        if isinstance(property_, exp.Property) and property_.name.upper() in _SETTINGS_WITHOUT_EFFECT:
            continue
        if not isinstance(property_, _WITHOUT_EFFECT):
            raise unsupported(f"CREATE {kind} with {property_.sql('snowflake')}")


def _refuse_alteration(statement: exp.Alter) -> None:
    for action in statement.args.get("actions") or []:
        if isinstance(action, exp.AlterSet) and action.args.get("tag"):
            raise unsupported(_PRETENDED[exp.Tags])
        if isinstance(action, exp.SwapTable):
            raise unsupported("ALTER TABLE … SWAP WITH (rename the tables)")
