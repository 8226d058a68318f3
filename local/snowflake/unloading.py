"""COPY INTO a location: the rows of a query go to Parquet files of an external stage.

Which columns of a Parquet file mean what is set by two parameters of the session (docs/parity.md). What of them DuckDB
can't write is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import Expr, exp

from local.snowflake.lake import LakeFileSystem
from local.snowflake.refusals import unsupported

MILLIS = "UNLOAD_PARQUET_TIME_TIMESTAMP_MILLIS"
_OPTIMIZED = "ENABLE_UNLOAD_PHYSICAL_TYPE_OPTIMIZATION"
PARAMETERS = {MILLIS: True, _OPTIMIZED: True}
"""The session's parameters, with Snowflake's defaults."""
_OPTIONS = {"FILE_FORMAT", "HEADER", "MAX_FILE_SIZE", "INCLUDE_QUERY_ID"}
_FORMAT = {"TYPE", "COMPRESSION"}
_COMPRESSIONS = {"AUTO": "snappy", "SNAPPY": "snappy", "NONE": "uncompressed"}
_MAX_FILE_SIZE = 16 * 2**20
_ROWS_OF_A_GROUP = 122_880
_ZONED = {"TIMESTAMP WITH TIME ZONE"}
_IN_UTC = {"TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"}
_PLAIN = {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT", "VARCHAR", "DATE"}


def is_one(copy: exp.Copy) -> bool:
    """Whether its target is a stage, not a table."""
    return _target(copy).startswith("@")


def changed_parameter(statement: Expr) -> tuple[str, bool] | None:
    """The parameter that an ALTER SESSION sets, if it is one of these."""
    found = statement.find(exp.AlterSession) if isinstance(statement, exp.Alter) else None
    if found is None or len(found.expressions) != 1 or found.args.get("unset"):
        return None
    item = found.expressions[0].this
    if isinstance(item, exp.EQ) and item.this.name.upper() in PARAMETERS:
        if not isinstance(item.expression, exp.Boolean):
            raise unsupported(f"ALTER SESSION with {item.sql('snowflake')}")
        return item.this.name.upper(), bool(item.expression.this)
    return None


class Unload:
    """One COPY INTO a location."""

    def __init__(self, copy: exp.Copy, stage_url: str, query_id: str) -> None:
        self._options = _options(copy)
        (source,) = copy.args["files"]
        if not isinstance(source, exp.Subquery):
            raise unsupported("COPY INTO a location from a table (name its columns in a SELECT)")
        self.query = source.this.sql(dialect="duckdb")
        path = _target(copy).partition("/")[2]
        folder, _, prefix = f"{stage_url.rstrip('/')}/{path}".rpartition("/")
        self._folder, self._pattern = folder, f"{prefix or 'data'}_"
        if self._options.get("INCLUDE_QUERY_ID"):
            self._pattern += f"{query_id}_"

    def run(
        self, connection: Any, lake: LakeFileSystem, params: Any, parameters: dict[str, bool]
    ) -> tuple[int, int]:
        """Write the files. Returns their rows and bytes. Without rows there are no files."""
        found = connection.sql(self.query, params=params or None)
        columns = [
            _column(name, str(type_), parameters)
            for name, type_ in zip(found.columns, found.types, strict=True)
        ]
        if not self._options.get("HEADER"):
            raise unsupported("COPY INTO a location without HEADER = TRUE (no column would have its name)")
        if lake.glob(f"{self._folder.removeprefix('s3://')}/{self._pattern}*"):
            raise unsupported("COPY INTO a location that has such files already")
        copied = connection.execute(
            f"COPY (SELECT {', '.join(columns)} FROM ({self.query})) TO '{self._folder}' ({self._settings()})",
            params,
        ).fetchall()
        return sum(row[1] for row in copied), sum(row[2] for row in copied)

    def _settings(self) -> str:
        size = int(self._options.get("MAX_FILE_SIZE", _MAX_FILE_SIZE))
        return ", ".join(
            (
                "FORMAT parquet",
                f"COMPRESSION {self._options['COMPRESSION']}",
                f"ROW_GROUP_SIZE {_ROWS_OF_A_GROUP}",
                f"FILE_SIZE_BYTES {size}",
                f"FILENAME_PATTERN '{self._pattern}0_{{i}}_0.{self._options['COMPRESSION']}'",
                "WRITE_EMPTY_FILE false",
                "OVERWRITE_OR_IGNORE true",
                "RETURN_STATS true",
            )
        )


def stage_of(copy: exp.Copy) -> str:
    """The name of the stage, as it is written."""
    return _target(copy)[1:].partition("/")[0]


def answer(rows: int, size: int) -> Expr:
    """Snowflake's answer to a COPY INTO a location. What went in, before compression, is not known here."""
    names: Sequence[tuple[str, int]] = (
        ("rows_unloaded", rows),
        ("input_bytes", size),
        ("output_bytes", size),
    )
    return exp.select(
        *(exp.cast(exp.Literal.number(n), "BIGINT").as_(name, quoted=True) for name, n in names)
    )


def _target(copy: Expr) -> str:
    return str(copy.this.name) if isinstance(copy.this, exp.Table) else ""


def _options(copy: exp.Copy) -> dict[str, Any]:
    found: dict[str, Any] = {"COMPRESSION": "snappy"}
    for option in copy.args.get("params") or []:
        name = option.name.upper()
        if name not in _OPTIONS:
            raise unsupported(f"COPY INTO a location with {name}")
        if name == "FILE_FORMAT":
            found |= _format(option)
        elif name == "MAX_FILE_SIZE":
            found[name] = option.expression.name
        else:
            found[name] = option.expression == exp.true()
    if found.get("TYPE") != "PARQUET":
        raise unsupported("COPY INTO a location in another format than PARQUET")
    return found


def _format(option: exp.CopyParameter) -> dict[str, str]:
    given = {each.name.upper(): each.args["value"].name.upper() for each in option.expressions}
    if unknown := sorted(given.keys() - _FORMAT):
        raise unsupported(f"COPY INTO a location with {', '.join(unknown)}")
    compression = given.get("COMPRESSION", "AUTO")
    if compression not in _COMPRESSIONS:
        raise unsupported(f"COPY INTO a location with COMPRESSION = {compression}")
    return {**given, "COMPRESSION": _COMPRESSIONS[compression]}


def _column(name: str, type_: str, parameters: dict[str, bool]) -> str:
    """A column as Snowflake writes it: a timestamp without a zone as an instant, as if it were in UTC."""
    at = '"' + name.replace('"', '""') + '"'
    if type_ in _ZONED:
        raise unsupported(
            f"COPY INTO a location of TIMESTAMP_TZ or TIMESTAMP_LTZ ({name}; Snowflake fails too)"
        )
    if type_ in _IN_UTC:
        if parameters[MILLIS]:
            raise unsupported(f"COPY INTO a location of timestamps in milliseconds: set {MILLIS} = FALSE")
        return f"timezone('UTC', {at}::TIMESTAMP) AS {at}"
    if type_.startswith("DECIMAL") or type_ in _PLAIN:
        if parameters[_OPTIMIZED] and (
            type_.startswith("DECIMAL") or type_ in _PLAIN - {"VARCHAR", "BOOLEAN"}
        ):
            raise unsupported(f"COPY INTO a location with numbers made small: set {_OPTIMIZED} = FALSE")
        return at
    raise unsupported(f"COPY INTO a location of {type_} ({name})")
