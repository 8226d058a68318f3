"""Snowflake's errors for what a role may not do."""

from __future__ import annotations

from snowflake.connector.errors import ProgrammingError

from local.snowflake.access.securables import Securable

ROLE_OF_LOGIN = "390189"
DISABLED_USER = "390101"


def hidden(securable: Securable) -> ProgrammingError:
    """What a role has no privilege on is for it as if it did not exist."""
    what = (
        securable.kind.capitalize()
        if securable.kind in ("DATABASE", "SCHEMA", "STAGE", "ROLE", "USER")
        else "Object"
    )
    return ProgrammingError(
        msg=f"SQL compilation error:\n{what} '{securable.text}' does not exist or not authorized.",
        errno=2003,
        sqlstate="42S02" if what == "Object" else "02000",
    )


def insufficient(securable: Securable) -> ProgrammingError:
    name = securable.name[-1] if securable.name else "the local Snowflake"
    return ProgrammingError(
        msg=f"SQL access control error:\nInsufficient privileges to operate on {securable.kind.lower()} '{name}'.",
        errno=3001,
        sqlstate="42501",
    )


def unusable() -> ProgrammingError:
    """Of USE."""
    return ProgrammingError(
        msg="SQL compilation error:\nObject does not exist, or operation cannot be performed.",
        errno=2043,
        sqlstate="02000",
    )


def no_warehouse() -> ProgrammingError:
    return ProgrammingError(
        msg="No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse'"
        " command.",
        errno=606,
        sqlstate="57P03",
    )


def not_assigned(role: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL access control error:\nRequested role '{role}' is not assigned to the executing user."
        " Specify another role to activate.",
        errno=3013,
        sqlstate="42501",
    )


def in_view(view: Securable, why: ProgrammingError) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL compilation error:\nFailure during expansion of view '{view.name[-1]}': {why.raw_msg}",
        errno=2037,
        sqlstate="42601",
    )


def exists_already(securable: Securable) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL compilation error:\nObject '{securable.text}' already exists.", errno=2002, sqlstate="42710"
    )


def no_privilege(privilege: str, kind: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL compilation error:\nInvalid privilege '{privilege}' for object type '{kind}'.",
        errno=1003,
        sqlstate="42000",
    )


def dependent_grants(securable: Securable) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL execution error: Dependent grant of privileges on securable '{securable.text}' exists. It must be"
        " revoked first, or say COPY CURRENT GRANTS or REVOKE CURRENT GRANTS.",
        errno=3036,
        sqlstate="42501",
    )


def circular(role: str, member: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL execution error: Granting role '{role}' to role '{member}' would make a cycle of roles.",
        errno=3039,
        sqlstate="42501",
    )


def has_a_mask(column: str) -> ProgrammingError:
    return ProgrammingError(
        msg=f"SQL compilation error:\nSpecified column '{column}' is already attached to another masking policy."
        " A column cannot be attached to multiple masking policies. Say FORCE to replace it.",
        errno=3554,
        sqlstate="23001",
    )
