"""TEMPORARY tables: each belongs to one session and one schema, and hides a permanent table of the same name.

DuckDB keeps temporary tables without a schema. Each one therefore gets a unique name in DuckDB, and statements are
rewritten to use it. The name is never reused, as fakesnow records the files that COPY has loaded by table name.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlglot import Expr, exp

Place = tuple[str, str, str]

_TAKES_NO_ALIAS = (exp.Create, exp.Schema, exp.Insert, exp.Copy, exp.Drop, exp.TruncateTable, exp.Alter)


class TemporaryTables:
    def __init__(self) -> None:
        self._names: dict[Place, str] = {}

    def __contains__(self, place: object) -> bool:
        return bool(self._names) and any(
            tuple(part.upper() for part in known) == place for known in self._names
        )

    def named_in(self, command: str) -> dict[Place, str]:
        """Those that the statement may name, with their names in DuckDB."""
        text = command.upper()
        return {
            place: name
            for place, name in self._names.items()
            if place[2].upper().replace('"', '""') in text  # as it is written between quotes
        }

    def resolved(self, statement: Expr, database: str | None, schema: str | None) -> Expr:
        """Replace the session's temporary tables in the statement by their names in DuckDB."""
        created = _created_table(statement)
        is_temporary = created is not None and statement.find(exp.TemporaryProperty) is not None
        if not self._names and not is_temporary:
            return statement
        statement = statement.copy()
        created = _created_table(statement)
        known = dict(self._names)
        if created is not None and is_temporary:
            place = _place(created, database, schema)
            # Without quotes, so that it is the same in a statement's text.
            stem = place[2].replace('"', "_")
            self._names.setdefault(place, f"{stem}$TEMPORARY_{secrets.token_hex(6).upper()}")
            _rename(created, self._names[place])
        shadowed = {_folded(cte.args["alias"].this) for cte in statement.find_all(exp.CTE)}
        for table in list(statement.find_all(exp.Table)):
            place = _place(table, database, schema)
            if table is not created and place in known and (table.db or place[2] not in shadowed):
                _rename(table, known[place])
        for column in statement.find_all(exp.Column):
            if column.db and _place_of_column(column, database) in known:
                column.set("db", None)
                column.set("catalog", None)
        return statement

    def keep(self, existing: Iterable[str]) -> None:
        """Forget all tables except `existing`: the others were dropped, or could not be created."""
        names = set(existing)
        self._names = {place: name for place, name in self._names.items() if name in names}

    def is_one(self, table: Expr | None) -> bool:
        return isinstance(table, exp.Table) and table.name in self._names.values()


def _created_table(statement: Expr) -> exp.Table | None:
    if not isinstance(statement, exp.Create) or statement.kind != "TABLE":
        return None
    table = statement.this.this if isinstance(statement.this, exp.Schema) else statement.this
    return table if isinstance(table, exp.Table) else None


def _place(table: exp.Table, database: str | None, schema: str | None) -> Place:
    catalog, db = table.args.get("catalog"), table.args.get("db")
    return (_folded(catalog) or database or "", _folded(db) or schema or "", _folded(table.this))


def _place_of_column(column: exp.Column, database: str | None) -> Place:
    catalog, db, table = (column.args.get(part) for part in ("catalog", "db", "table"))
    return (_folded(catalog) or database or "", _folded(db), _folded(table))


def _folded(name: Expr | None) -> str:
    if name is None:
        return ""
    return name.name if isinstance(name, exp.Identifier) and name.args.get("quoted") else name.name.upper()


def _rename(table: exp.Table, name: str) -> None:
    if not table.alias and not isinstance(table.parent, _TAKES_NO_ALIAS):
        table.set("alias", exp.TableAlias(this=exp.to_identifier(_folded(table.this), quoted=True)))
    table.set("this", exp.to_identifier(name, quoted=True))
    in_copy = isinstance(table.parent, exp.Copy) or isinstance(table.parent and table.parent.parent, exp.Copy)
    in_create = isinstance(table.parent, exp.Create) or isinstance(
        table.parent and table.parent.parent, exp.Create
    )
    # fakesnow's COPY and CREATE TABLE need a schema in the name if the session has none
    table.set("db", exp.to_identifier("main") if in_copy or in_create else None)
    table.set("catalog", exp.to_identifier("temp") if in_copy else None)
