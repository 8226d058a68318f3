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

from contracts.spark_types import MONEY_PRECISION, MONEY_SCALE


class _Kind(pandas_engine.DataType):
    """A kind is a pandera data type, so that a model's annotation says what pandas holds."""

    name: ClassVar[str]


@immutable
class Code(_Kind):
    """A natural key of the masters: trimmed and upper-cased."""

    type = pd.ArrowDtype(pa.string())
    name = "code"


@immutable
class Identifier(_Kind):
    """Another system's id: trimmed, its case kept."""

    type = pd.ArrowDtype(pa.string())
    name = "identifier"


@immutable
class Channel(_Kind):
    """A sales channel: trimmed, lower-cased, spaces and hyphens made underscores."""

    type = pd.ArrowDtype(pa.string())
    name = "channel"


@immutable
class Text(_Kind):
    """Free text, trimmed."""

    type = pd.ArrowDtype(pa.string())
    name = "text"


@immutable
class Integer(_Kind):
    """A whole number, which may have been written "5" or "5.0"."""

    type = pd.ArrowDtype(pa.int64())
    name = "integer"


@immutable
class Money(_Kind):
    """An exact amount: sums do not depend on the order of rows."""

    type = pd.ArrowDtype(pa.decimal128(MONEY_PRECISION, MONEY_SCALE))
    name = "decimal"


@immutable
class Number(_Kind):
    """A finite ratio or share."""

    type = pd.ArrowDtype(pa.float64())
    name = "number"


@immutable
class Flag(_Kind):
    """True or false, however the source spells it."""

    type = pd.ArrowDtype(pa.bool_())
    name = "boolean"


@immutable
class Day(_Kind):
    """A calendar day."""

    type = pd.ArrowDtype(pa.date32())
    name = "date"


@immutable
class Instant(_Kind):
    """A moment, kept in UTC."""

    type = pd.ArrowDtype(pa.timestamp("us", tz="UTC"))
    name = "timestamp"


KINDS: dict[str, type[_Kind]] = {
    kind.name: kind for kind in (Code, Identifier, Channel, Text, Integer, Money, Number, Flag, Day, Instant)
}

for _kind in KINDS.values():
    pandas_engine.Engine.register_dtype(_kind)
