"""Checksums have the values that Snowflake's documentation shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal

Sql = Callable[[str], list[tuple[object, ...]]]


def test_the_lower_half_of_an_md5_is_the_documented_number(sql: Sql) -> None:
    shown = {"Snowflake": 9203306159527282910, "test": 14618207765679027446, "hello": 13362634815750784402}
    found = sql("SELECT " + ", ".join(f"MD5_NUMBER_LOWER64('{text}')" for text in shown))
    assert [int(Decimal(str(value))) for value in found[0]] == list(shown.values())


def test_they_are_summed_up_exactly_and_of_nothing_there_is_none(sql: Sql) -> None:
    texts = [f"text {number}" for number in range(1000)]
    lower = [int(hashlib.md5(text.encode()).hexdigest()[-16:], 16) for text in texts]
    ((total, rest, nothing),) = sql(
        "SELECT TO_VARCHAR(SUM(MD5_NUMBER_LOWER64(text))), TO_VARCHAR(SUM(MOD(MD5_NUMBER_LOWER64(text), 16))),"
        " MD5_NUMBER_LOWER64(NULL)"
        f" FROM (SELECT column1 AS text FROM VALUES {', '.join(f'({text!r})' for text in texts)})"
    )
    assert (total, rest, nothing) == (str(sum(lower)), str(sum(number % 16 for number in lower)), None)
