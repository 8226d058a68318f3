"""Create the account's objects that are missing, and refuse those that are there with other values.

IF NOT EXISTS would take over whatever has the name: another environment's warehouse, a person's user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from snowflake.connector import DictCursor, ProgrammingError

from warehouse.account.names import AccountNames
from warehouse.account.objects import AccountObject

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

Found = Mapping[str, object]
_PROPERTY = (("property", "property_value"), ("property", "value"), ("name", "value"), ("key", "value"))
_DOES_NOT_EXIST = 2003, 2043


class ObjectsDiffer(Exception):
    """Something else has a name of ours, or somebody has changed it; a person has to decide."""


def ensure(connection: SnowflakeConnection, objects: Iterable[AccountObject]) -> None:
    """Look at all objects first, so that nothing is created beside one that differs."""
    declared = list(objects)
    _refuse(connection, declared, [_differences(o, found(connection, o)) for o in declared])
    for missing in [o for o in declared if found(connection, o) is None]:
        if missing.kind == "USER" and "rsa_public_key" not in missing.values:
            raise ObjectsDiffer(
                f"user {missing.name} does not exist, and no public key was given to create it with."
            )
        with connection.cursor() as cursor:
            cursor.execute(missing.create)
    _refuse(connection, declared, [_differences(o, found(connection, o) or {}) for o in declared])


def found(connection: SnowflakeConnection, wanted: AccountObject) -> Found | None:
    """The object's columns and properties in lower case; None if it is not there."""
    row = _row(connection, wanted.listed, wanted.own_name)
    if row is None:
        return None
    properties = [_property(p) for s in wanted.described for p in listed(connection, s)]
    return {**row, **dict(properties)}


def integration_of(connection: SnowflakeConnection, names: AccountNames) -> tuple[str, str]:
    """The AWS user that Snowflake comes as, and the external id that it shows: the lake's role trusts these."""
    properties = dict(_property(row) for row in listed(connection, f"DESC INTEGRATION {names.integration}"))
    return str(properties["storage_aws_iam_user_arn"]), str(properties["storage_aws_external_id"])


def limit_of(connection: SnowflakeConnection, names: AccountNames) -> str:
    """What the resource monitor allows and whom it tells, which a person may have changed."""
    monitor = _row(connection, f"SHOW RESOURCE MONITORS LIKE '{names.monitor}'", names.monitor)
    if monitor is None:
        raise ObjectsDiffer(f"resource monitor {names.monitor} was dropped meanwhile. Run this again.")
    told = monitor.get("notify_users") or "no users by name"
    return f"{names.monitor}: {monitor.get('credit_quota')} credits, notifies {told}"


def tables_of(connection: SnowflakeConnection, schema: str) -> list[str]:
    return sorted(str(row["name"]) for row in listed(connection, f"SHOW TABLES IN SCHEMA {schema}"))


def _row(connection: SnowflakeConnection, statement: str, name: str) -> Found | None:
    """The row of that name: LIKE takes an underscore for any character."""
    rows = listed(connection, statement)
    return next((row for row in rows if str(row["name"]).upper() == name.upper()), None)


def listed(connection: SnowflakeConnection, statement: str) -> list[Found]:
    """The rows of a SHOW or DESC by their columns in lower case; none if there is no such schema or database."""
    with connection.cursor(DictCursor) as cursor:
        try:
            rows = cursor.execute(statement).fetchall()
        except ProgrammingError as error:
            if error.errno in _DOES_NOT_EXIST:  # the schema or database in which it would be
                return []
            raise
    return [{str(name).lower(): value for name, value in dict(row).items()} for row in rows]


def _property(row: Found) -> tuple[str, object]:
    name, value = next(pair for pair in _PROPERTY if set(pair) <= set(row))
    return str(row[name]).lower(), row[value]


def _differences(wanted: AccountObject, there: Found | None) -> list[str]:
    if there is None:
        return []
    differs = [
        f"{name} {there.get(name)!s}, not {value}"
        for name, value in wanted.values.items()
        if _plain(there.get(name)) != _plain(value)
    ]
    if there and wanted.owners and there.get("owner") not in wanted.owners:
        differs.append(f"owner {there.get('owner')!s}, not {' or '.join(wanted.owners)}")
    return differs


def _plain(value: object) -> list[str]:
    """A value without what Snowflake's answers vary in: case, blanks, quotes, brackets, the order of a list."""
    parts = str(value).strip("[]() ").split(",")
    return sorted(part.strip(" '\"").upper() for part in parts)


def _refuse(
    connection: SnowflakeConnection, declared: Sequence[AccountObject], differences: Sequence[list[str]]
) -> None:
    told = [
        f"{o.kind.lower()} {o.name} exists with {'; '.join(differs)}{f' (to change it: {o.mend})' if o.mend else ''}"
        for o, differs in zip(declared, differences, strict=True)
        if differs
    ]
    if told:
        raise ObjectsDiffer(
            f"account {connection.account}: {'. '.join(told)}. None of these was changed. If it is another "
            "environment's, choose another database; if it is ours, ALTER or drop it. Then run this again."
        )
