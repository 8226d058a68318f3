"""Whether a source computes digests as the lake does, asked of a known row. If it does not, every row would differ."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from contracts.dialects.row_digests import snowflake_digest, snowflake_number, snowflake_text
from tasks.errors import SystemFault
from tasks.services.snowflake import execute
from warehouse.statement import Kind, Statement

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection

# Of each kind a value as Snowflake is told it, and its text.
_VALUES = (
    ("text", "'Ż|1:🙂'", "5:Ż|1:🙂"),
    ("text", "CAST(NULL AS VARCHAR)", ""),
    ("integer", "-7", "-7"),
    ("decimal(14,2)", "CAST(-0.5 AS NUMBER(14,2))", "-0.50"),
    ("decimal(14,2)", "CAST(120 AS NUMBER(14,2))", "120.00"),
    ("boolean", "FALSE", "false"),
    ("date", "CAST('1969-12-31' AS DATE)", "-1"),
    ("timestamp", "CAST('1969-12-31 23:59:59.999999' AS TIMESTAMP_NTZ)", "-1"),
    ("timestamp", "CAST('0001-01-01 00:00:00' AS TIMESTAMP_NTZ)", "-62135596800000000"),
    ("timestamp", "CAST('9999-12-31 23:59:59.999999' AS TIMESTAMP_NTZ)", "253402300799999999"),
)


def require_same_digest(connection: SnowflakeConnection) -> None:
    """Raises SystemFault if the source's digest of the known row is another one than it must be."""
    kinds = {f"c{number}": kind for number, (kind, _, _) in enumerate(_VALUES)}
    row = ", ".join(f"{value} AS c{number}" for number, (_, value, _) in enumerate(_VALUES))
    text = snowflake_text(kinds)
    asked = f"SELECT {text}, {snowflake_digest(text)}, TO_VARCHAR({snowflake_number(text)}) FROM (SELECT {row}) known"  # noqa: S608
    wanted = "|".join(text for _, _, text in _VALUES)
    digest = hashlib.md5(wanted.encode(), usedforsecurity=False).hexdigest()[-16:]
    found = execute(connection, Statement("digest of a known row", asked, kind=Kind.QUICK))
    if found != (wanted, digest, str(int(digest, 16))):
        raise SystemFault(
            f"the source writes the known row as {found}, and not as {wanted!r} with the digest {digest}: its checksums "
            "can't be compared with the lake's. Nothing was read. Correct contracts/dialects/row_digests.py."
        )
