"""Statements about the account, read into orders. sqlglot has no tree for most of them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from local.snowflake.access.orders import (
    Alter,
    Create,
    Describe,
    Drop,
    Grant,
    GrantRole,
    Manage,
    Mask,
    Name,
    On,
    Order,
    Show,
    Use,
)
from local.snowflake.access.securables import PLURALS, PRIVILEGES
from local.snowflake.access.words import Reader

_KEPT = (
    "ROLE",
    "USER",
    "WAREHOUSE",
    "RESOURCE MONITOR",
    "NETWORK POLICY",
    "INTEGRATION",
    "MASKING POLICY",
)
_INTEGRATIONS = ("STORAGE", "API", "CATALOG", "EXTERNAL ACCESS", "NOTIFICATION", "SECURITY")
_WRITTEN = {
    **{kind: kind for kind in _KEPT},
    **{f"{kind} INTEGRATION": "INTEGRATION" for kind in _INTEGRATIONS},
}
_GRANTED_ON = {**{kind: kind for kind in PRIVILEGES if kind != "ACCOUNT"}, **_WRITTEN}
_SHOWN = ("GRANTS", "PARAMETERS", "ROLES", "USERS", "WAREHOUSES", "DATABASES", "SCHEMAS")
_HAVE_PROPERTIES = ("DATABASE", "SCHEMA", "TABLE")
_COMMENTS = r"(?:\s|--[^\n]*(?:\n|$)|//[^\n]*(?:\n|$)|/\*.*?\*/)*"
_OF_INTEGRATIONS = rf"(?:(?:{'|'.join(_INTEGRATIONS)})\s+)?".replace(" ", r"\s+")
_KINDS = rf"ROLE|USER|WAREHOUSE|RESOURCE\s+MONITOR|(?:NETWORK|MASKING)\s+POLICY|{_OF_INTEGRATIONS}INTEGRATION"
_NAME = r"(?:IF\s+EXISTS\s+)?[\w$.\"]+\s+"
_OURS = re.compile(
    rf"""{_COMMENTS}(?:
    (?:GRANT|REVOKE)\b
    | USE\s+(?:ROLE|SECONDARY\s+ROLES|WAREHOUSE)\b
    | CREATE\s+(?:OR\s+REPLACE\s+)?(?:{_KINDS})\b
    | CREATE\s+(?:TRANSIENT\s+)?SCHEMA\b.*\bMANAGED\s+ACCESS\b
    | (?:ALTER|DROP)\s+(?:{_KINDS})\b
    | ALTER\s+ACCOUNT\b
    | ALTER\s+(?:DATABASE|SCHEMA)\s+{_NAME}(?:SET|UNSET|ENABLE|DISABLE)\b
    | ALTER\s+TABLE\s+{_NAME}(?:SET|UNSET)\s+(?:DATA_RETENTION_TIME_IN_DAYS|COMMENT)\b
    | ALTER\s+TABLE\s+{_NAME}(?:ALTER|MODIFY)\b.*\bMASKING\s+POLICY\b
    | SHOW\s+(?:TERSE\s+)?(?:ROLES|USERS|WAREHOUSES|RESOURCE\s+MONITORS|NETWORK\s+POLICIES|MASKING\s+POLICIES
        |DATABASES|SCHEMAS|{_OF_INTEGRATIONS}INTEGRATIONS|GRANTS|FUTURE\s+GRANTS|PARAMETERS\b.*\b(?:IN|FOR)\s+(?:DATABASE|SCHEMA|TABLE|USER))\b
    | DESC(?:RIBE)?\s+(?:{_KINDS})\b
    )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)


def is_one(command: str) -> bool:
    return _OURS.match(command) is not None


@lru_cache(64)
def order_of(command: str) -> Order:
    reader = Reader(command)
    verb = reader.word()
    order: Order = _READ["DESCRIBE" if verb == "DESC" else verb](reader)
    reader.end()
    return order


def _create(reader: Reader) -> Order:
    replaces = reader.takes("OR REPLACE")
    if reader.takes("SCHEMA") or reader.takes("TRANSIENT SCHEMA"):
        return _managed_schema(reader, replaces)
    kind = _kind(reader, _WRITTEN)
    if_not_exists = reader.takes("IF NOT EXISTS")
    name = reader.name()
    reader.takes("WITH")
    properties = _policy(reader) if kind == "MASKING POLICY" else _properties(reader)
    return Create(kind, name, properties, replaces, if_not_exists)


def _managed_schema(reader: Reader, replaces: bool) -> Manage:
    if_not_exists = reader.takes("IF NOT EXISTS")
    name = reader.name()
    reader.takes("WITH")
    reader.expect("MANAGED ACCESS")
    written = ".".join(f'"{part}"' for part in name)
    start = f"CREATE{' OR REPLACE' * replaces} SCHEMA{' IF NOT EXISTS' * if_not_exists} {written}"
    return Manage(name, True, f"{start} {reader.rest()}")


def _policy(reader: Reader) -> dict[str, Any]:
    reader.expect("AS")
    reader.expect("(")
    arguments = [[reader.word(), reader.word()]]
    _skip_length(reader)
    while reader.takes(","):
        arguments.append([reader.word(), reader.word()])
        _skip_length(reader)
    reader.expect(")")
    reader.expect("RETURNS")
    returns = reader.word()
    _skip_length(reader)
    reader.expect("->")
    return {"ARGUMENTS": arguments, "RETURNS": returns, "BODY": reader.rest()}


def _skip_length(reader: Reader) -> None:
    if reader.reads("("):
        reader.value()


def _properties(reader: Reader) -> dict[str, Any]:
    found = reader.properties("TRIGGERS")
    if reader.takes("TRIGGERS"):
        found["TRIGGERS"] = _triggers(reader)
        found |= reader.properties()
    return found


def _triggers(reader: Reader) -> list[list[Any]]:
    found: list[list[Any]] = []
    while reader.takes("ON"):
        percent = reader.number()
        reader.expect("PERCENT")
        reader.expect("DO")
        found.append([percent, reader.word()])
    return found


def _alter(reader: Reader) -> Order:
    if reader.takes("ACCOUNT"):
        return _altered(reader, "ACCOUNT", (), False)
    kind = _kind(reader, {**_WRITTEN, **{kind: kind for kind in _HAVE_PROPERTIES}})
    if_exists = reader.takes("IF EXISTS")
    name = reader.name()
    if kind == "SCHEMA" and (verb := reader.takes_one_of(("ENABLE", "DISABLE"))):
        reader.expect("MANAGED ACCESS")
        return Manage(name, verb == "ENABLE")
    if kind == "TABLE" and reader.takes_one_of(("ALTER", "MODIFY")):
        return _mask(reader, name, if_exists)
    return _altered(reader, kind, name, if_exists)


def _altered(reader: Reader, kind: str, name: Name, if_exists: bool) -> Alter:
    if kind == "MASKING POLICY" and reader.takes("SET BODY ->"):
        return Alter(kind, name, if_exists, {"BODY": reader.rest()})
    if reader.takes("SET"):
        if reader.is_done or reader.reads("TRIGGERS"):
            raise reader.wrong("expected what to set")
        return Alter(kind, name, if_exists, _properties(reader))
    if kind == "RESOURCE MONITOR" and reader.reads("TRIGGERS"):
        return Alter(kind, name, if_exists, _properties(reader))
    if reader.takes("RENAME TO"):
        return Alter(kind, name, if_exists, renamed_to=reader.name())
    if reader.takes("UNSET"):
        unset = [reader.word()]
        while reader.takes(","):
            unset.append(reader.word())
        return Alter(kind, name, if_exists, unsets=tuple(unset))
    if kind == "WAREHOUSE" and (
        operation := reader.takes_one_of(("SUSPEND", "RESUME IF SUSPENDED", "RESUME"))
    ):
        return Alter(kind, name, if_exists, operation=operation.split()[0])
    raise reader.wrong("expected SET, UNSET or what else changes it")


def _mask(reader: Reader, table: Name, if_exists: bool) -> Mask:
    reader.takes("COLUMN")
    column = reader.word()
    if reader.takes("UNSET MASKING POLICY"):
        return Mask(table, column, None, if_exists=if_exists)
    reader.expect("SET MASKING POLICY")
    policy = reader.name()
    using = tuple(name[0] for name in reader.names()) if reader.takes("USING") else ()
    return Mask(table, column, policy, using, reader.takes("FORCE"), if_exists)


def _drop(reader: Reader) -> Drop:
    kind = _kind(reader, _WRITTEN)
    if_exists = reader.takes("IF EXISTS")
    return Drop(kind, reader.name(), if_exists)


def _grant(reader: Reader) -> Order:
    if reader.takes("ROLE"):
        return GrantRole(reader.word(), _member(reader, "TO"))
    privileges = _privileges(reader)
    on = _on(reader)
    role = _role(reader, "TO")
    option = reader.takes("WITH GRANT OPTION")
    current = reader.takes_one_of(("COPY CURRENT GRANTS", "REVOKE CURRENT GRANTS"))
    return Grant(privileges, on, role, option, current_grants=current and current.split()[0])


def _revoke(reader: Reader) -> Order:
    if reader.takes("ROLE"):
        return GrantRole(reader.word(), _member(reader, "FROM"), is_revoked=True)
    reader.takes("GRANT OPTION FOR")
    privileges = _privileges(reader)
    on = _on(reader)
    role = _role(reader, "FROM")
    reader.takes_one_of(("RESTRICT", "CASCADE"))
    return Grant(privileges, on, role, is_revoked=True)


def _member(reader: Reader, preposition: str) -> tuple[str, str]:
    reader.expect(preposition)
    kind = reader.takes_one_of(("ROLE", "USER"))
    if kind is None:
        raise reader.wrong("expected ROLE or USER")
    return kind, reader.word()


def _role(reader: Reader, preposition: str) -> str:
    reader.expect(preposition)
    reader.takes("ROLE")
    return reader.word()


def _privileges(reader: Reader) -> tuple[str, ...]:
    found: list[str] = []
    words: list[str] = []
    while not reader.takes("ON"):
        if reader.takes(","):
            found.append(" ".join(words))
            words = []
        else:
            words.append(reader.word())
    found.append(" ".join(words))
    return tuple("ALL" if privilege == "ALL PRIVILEGES" else privilege for privilege in found)


def _on(reader: Reader) -> On:
    if reader.takes("ACCOUNT"):
        return On("ACCOUNT", ())
    if which := reader.takes_one_of(("ALL", "FUTURE")):
        kind = PLURALS[_kind(reader, PLURALS, as_written=True)]
        reader.expect("IN")
        within = reader.takes_one_of(("DATABASE", "SCHEMA"))
        if within is None:
            raise reader.wrong("expected DATABASE or SCHEMA")
        return On(kind, reader.name(), which, within)
    return On(_kind(reader, _GRANTED_ON), reader.name())


def _kind(reader: Reader, kinds: dict[str, str], as_written: bool = False) -> str:
    written = reader.takes_one_of(kinds)
    if written is None:
        raise reader.wrong(f"expected one of {', '.join(sorted(kinds))}")
    return written if as_written else kinds[written]


def _use(reader: Reader) -> Use:
    kind = reader.takes_one_of(("ROLE", "SECONDARY ROLES", "WAREHOUSE"))
    if kind is None:
        raise reader.wrong("expected ROLE, SECONDARY ROLES or WAREHOUSE")
    return Use(kind, reader.word())


def _show(reader: Reader) -> Show:
    is_terse = reader.takes("TERSE")
    what = reader.word()
    while what not in _SHOWN and not what.endswith(("MONITORS", "POLICIES", "INTEGRATIONS", "FUTURE GRANTS")):
        what = f"{what} {reader.word()}"
    like = reader.text() if reader.takes("LIKE") else None
    relation = reader.takes_one_of(("TO", "OF", "ON", "IN", "FOR"))
    kind = name = None
    if relation and not (reader.takes("ACCOUNT") and (reader.is_done or reader.reads("LIMIT"))):
        kind = reader.takes_one_of(_GRANTED_ON)
        name = reader.name()
    elif relation:
        kind = "ACCOUNT"
    limit = reader.number() if reader.takes("LIMIT") else None
    return Show(what, like, relation, kind and _GRANTED_ON.get(kind, kind), name or (), is_terse, limit)


def _describe(reader: Reader) -> Describe:
    return Describe(_kind(reader, _WRITTEN), reader.name())


_READ = {
    "CREATE": _create,
    "ALTER": _alter,
    "DROP": _drop,
    "GRANT": _grant,
    "REVOKE": _revoke,
    "USE": _use,
    "SHOW": _show,
    "DESCRIBE": _describe,
}
