"""Classify Snowflake requests: the action is the statement's first words, the key is the object that it names."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from local.faults.call import Call, masked

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_STATEMENT = re.compile(
    r"\s*(?P<action>MERGE\s+INTO|INSERT\s+OVERWRITE\s+INTO|INSERT\s+INTO|COPY\s+INTO|DELETE\s+FROM|UPDATE"
    r"|CREATE(?:\s+OR\s+REPLACE)?(?:\s+(?:TEMPORARY|TEMP|TRANSIENT))*\s+\w+(?:\s+IF\s+NOT\s+EXISTS)?"
    r"|DROP\s+\w+(?:\s+IF\s+EXISTS)?|ALTER\s+\w+(?:\s+IF\s+EXISTS)?|TRUNCATE(?:\s+TABLE)?"
    r"|BEGIN|START\s+TRANSACTION|COMMIT|ROLLBACK|\w+)\s*(?P<rest>.*)",
    re.S | re.I,
)
_READS = ("SELECT", "WITH", "SHOW", "DESC", "DESCRIBE", "USE", "SET", "EXPLAIN", "LIST", "CALL")
_OF_THE_SESSION = ("BEGIN", "START TRANSACTION", "ALTER SESSION")
_FIRST_TABLE = re.compile(r"\bFROM\s+([A-Za-z_][\w.$]*)", re.I)
_NAME = re.compile(r"[\w.$\"@/]+")
_QUERY = "/queries/v1/query-request"
_LOGIN = "/session/v1/login-request"


def call(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Call:
    url = urlsplit(target)
    asked = parse_qs(url.query)
    if url.path == _LOGIN:
        return Call("snowflake", "LOGIN", "", mutating=False)
    if url.path != _QUERY:
        action = "LOGOUT" if "delete" in asked else method
        return Call("snowflake", action, masked(url.path), mutating=False)
    if headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    action, key = named(json.loads(body).get("sqlText", ""))
    mutating = not action.startswith((*_READS, *_OF_THE_SESSION))
    return Call("snowflake", action, key, mutating)


def named(sql: str) -> tuple[str, str]:
    """The action and the key of a SQL statement."""
    found = _STATEMENT.match(_COMMENT.sub(" ", sql))
    if not found:
        return "?", ""
    action = " ".join(found["action"].upper().split())
    if action in ("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK"):
        return action, ""
    if action in ("SELECT", "WITH"):
        table = _FIRST_TABLE.search(sql)
        return action, masked(table[1].upper()) if table else ""
    name = _NAME.match(found["rest"])
    return action, masked(name[0].upper()) if name else ""
