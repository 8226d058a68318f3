"""The accepted text formats of values in source files, for all dialects."""

from __future__ import annotations

import unicodedata

# Dates before 1900 are typos, and Spark refuses to write some of them to Parquet.
FIRST_DAY, LAST_DAY = "1900-01-01", "9999-12-31"
# How many years before its file's raw date an order may be dated, and how many days after it a version may be. Anything
# beyond is a typo or a default value.
ORDER_YEARS = 10
CLOCK_DAYS = 1
# Beyond this, a double no longer represents a single integer, so it cannot be an id.
EXACT_DOUBLES = 2**53

WHITE_SPACE = "".join(
    char for char in map(chr, range(0x3001)) if char.isspace() or unicodedata.category(char) == "Cc"
)
WHOLE_PATTERN = "^[+-]?[0-9]+([.]0+)?$"
NUMBER_PATTERN = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$"
DATE_PATTERN = "^(19[0-9]{2}|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}$"
INSTANT_PATTERN = (
    "^(19[0-9]{2}|[2-9][0-9]{3})-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?"
    "(Z|[+-][0-9]{2}:[0-9]{2})?$"
)
# As in INSTANT_PATTERN, but without an offset.
LOCAL_PATTERN = INSTANT_PATTERN.replace("(Z|[+-][0-9]{2}:[0-9]{2})?", "")
TIME_PATTERN = "^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?$"
MIDNIGHT = "00:00:00.000000"
"""A time of day in full. What a source leaves out of one is as here."""
TRUE_WORDS = ("true", "t", "yes", "y", "1", "1.0")
FALSE_WORDS = ("false", "f", "no", "n", "0", "0.0")


def exact_pattern(scale: int) -> str:
    """A number without an exponent and with at most `scale` places, zeros counted too.

    An exponent is what spreadsheets write for a number whose digits they have dropped.
    """
    bare = f"|[.][0-9]{{1,{scale}}}" if scale else ""
    return f"^[+-]?([0-9]+([.][0-9]{{0,{scale}}})?{bare})$"
