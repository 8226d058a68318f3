"""Snowflake's errors for what goes wrong in DuckDB."""

from __future__ import annotations

import duckdb
from snowflake.connector.errors import ProgrammingError

from local.snowflake.refusals import unsupported
from local.snowflake.statements import DIVISION_BY_ZERO


def locked(seconds: float) -> ProgrammingError:
    return ProgrammingError(
        msg=f"Statement waited {seconds:.0f} s for a lock that another transaction holds, and gave up",
        errno=625,
        sqlstate="57014",
    )


def as_snowflake(failure: Exception) -> ProgrammingError:
    """Convert an unexpected exception to a Snowflake error.

    fakesnow would answer HTTP 500, which the connector retries for minutes.
    """
    message = str(failure).split("\n")[0]
    if DIVISION_BY_ZERO in message:
        return ProgrammingError(msg=DIVISION_BY_ZERO, errno=100051, sqlstate="22012")
    if isinstance(failure, duckdb.BinderException):
        return ProgrammingError(msg=f"SQL compilation error: {message}", errno=904, sqlstate="42000")
    if isinstance(failure, duckdb.CatalogException):
        return ProgrammingError(msg=f"SQL compilation error: {message}", errno=2003, sqlstate="42S02")
    if isinstance(failure, duckdb.ConstraintException):
        if "CHECK" in message:
            return ProgrammingError(
                msg=f"String is too long and would be truncated: {message}", errno=100078, sqlstate="22000"
            )
        return ProgrammingError(
            msg=f"NULL result in a non-nullable column: {message}", errno=100072, sqlstate="22000"
        )
    return unsupported(f"this statement ({type(failure).__name__}: {message})")
