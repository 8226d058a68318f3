"""The kinds of value a contract knows, each with the one pandas type that holds it.

All are Arrow types, because NumPy has no exact decimal, no date and no null integer, and a contract that
cannot tell a null from a NaN cannot say which of the two was delivered.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd
import pyarrow as pa
from pandera.dtypes import immutable
from pandera.engines import pandas_engine

MONEY_PRECISION, MONEY_SCALE = 18, 4


class _Kind(pandas_engine.DataType):
    """A kind is a pandera data type, so that a model's annotation says both what pandas and what Spark hold."""

    name: ClassVar[str]
    spark: ClassVar[str]


@immutable
class Code(_Kind):
    """A natural key of the masters: trimmed and upper-cased."""

    type = pd.ArrowDtype(pa.string())
    name = "code"
    spark = "string"


@immutable
class Identifier(_Kind):
    """Another system's id: trimmed, its case kept."""

    type = pd.ArrowDtype(pa.string())
    name = "identifier"
    spark = "string"


@immutable
class Channel(_Kind):
    """A sales channel: trimmed, lower-cased, spaces and hyphens made underscores."""

    type = pd.ArrowDtype(pa.string())
    name = "channel"
    spark = "string"


@immutable
class Text(_Kind):
    """Free text, trimmed."""

    type = pd.ArrowDtype(pa.string())
    name = "text"
    spark = "string"


@immutable
class Integer(_Kind):
    """A whole number, which may have been written "5" or "5.0"."""

    type = pd.ArrowDtype(pa.int64())
    name = "integer"
    spark = "bigint"


@immutable
class Money(_Kind):
    """An exact amount: sums do not depend on the order of rows."""

    type = pd.ArrowDtype(pa.decimal128(MONEY_PRECISION, MONEY_SCALE))
    name = "decimal"
    spark = f"decimal({MONEY_PRECISION},{MONEY_SCALE})"


@immutable
class Number(_Kind):
    """A finite ratio or share."""

    type = pd.ArrowDtype(pa.float64())
    name = "number"
    spark = "double"


@immutable
class Flag(_Kind):
    """True or false, however the source spells it."""

    type = pd.ArrowDtype(pa.bool_())
    name = "boolean"
    spark = "boolean"


@immutable
class Day(_Kind):
    """A calendar day."""

    type = pd.ArrowDtype(pa.date32())
    name = "date"
    spark = "date"


@immutable
class Instant(_Kind):
    """A moment, kept in UTC."""

    type = pd.ArrowDtype(pa.timestamp("us", tz="UTC"))
    name = "timestamp"
    spark = "timestamp"


KINDS: dict[str, type[_Kind]] = {
    kind.name: kind for kind in (Code, Identifier, Channel, Text, Integer, Money, Number, Flag, Day, Instant)
}
TEXT_KINDS = frozenset({"code", "identifier", "channel", "text"})

for _kind in KINDS.values():
    pandas_engine.Engine.register_dtype(_kind)
