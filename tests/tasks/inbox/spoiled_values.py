"""Values that senders write, right and wrong: one row of a sound file has one of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.tasks.inbox.sheets import Sheet

_AT = 17
Defect = Callable[[Sheet], Sheet]

BROKEN: dict[str, tuple[str, str]] = {
    "amount with a thousands comma": ("amount", "1,234.50"),
    "amount with a thousands point": ("amount", "1.234,50"),
    "amount with a thousands blank": ("amount", "1 234.50"),
    "amount with a thousands apostrophe": ("amount", "1'234.50"),
    "amount with underscores": ("amount", "1_000"),
    "amount with an exponent": ("amount", "1.5E2"),
    "amount of three places": ("amount", "1.505"),
    "amount of three places, one of them a zero": ("amount", "1.000"),
    "amount with a decimal comma": ("amount", "1,50"),
    "amount with a currency sign": ("amount", "$1.50"),
    "amount with a currency's name": ("amount", "1.50 EUR"),
    "amount in brackets": ("amount", "(1.50)"),
    "amount with its minus behind": ("amount", "1.50-"),
    "amount in full-width digits": ("amount", "１.50"),
    "amount of too many digits": ("amount", "12345678901234567.00"),
    "amount in hexadecimal": ("amount", "0x10"),
    "amount NaN": ("amount", "NaN"),
    "amount Infinity": ("amount", "Infinity"),
    "amount NA": ("amount", "NA"),
    "amount missing": ("amount", ""),
    "amount of blanks": ("amount", " \u00a0 "),
    "token missing": ("store_token", ""),
    "token of blanks": ("transaction_id", "   "),
    "time 24:00:00": ("transaction_time", "2025-01-11T24:00:00"),
    "time on 30 February": ("transaction_time", "2025-02-30T10:00:00"),
    "time on 29 February of no leap year": ("transaction_time", "2025-02-29T10:00:00"),
    "time of a 61st second": ("transaction_time", "2025-01-11T10:00:60"),
    "time of 60 minutes": ("transaction_time", "2025-01-11T10:60:00"),
    "a date without a time": ("transaction_time", "2025-01-11"),
    "a time without a date": ("transaction_time", "10:00:00"),
    "a date of another country": ("transaction_time", "11/01/2025 10:00:00"),
    "a time in the afternoon": ("transaction_time", "2025-01-11 10:00:00 PM"),
    "a time with the zone's name": ("transaction_time", "2025-01-11T10:00:00 CET"),
    "a time with an offset of 25 hours": ("transaction_time", "2025-01-11T10:00:00+25:00"),
    "a time with an offset without colon": ("transaction_time", "2025-01-11T10:00:00+0530"),
    "a time with an offset of hours": ("transaction_time", "2025-01-11T10:00:00+05"),
    "a time in seconds since 1970": ("transaction_time", "1736589600"),
    "a time with a comma for its fraction": ("transaction_time", "2025-01-11T10:00:00,5"),
    "time missing": ("transaction_time", ""),
}
READ: dict[str, tuple[str, str, Any]] = {
    "amount with blanks around": ("amount", " 1.50 ", Decimal("1.50")),
    "amount with no-break spaces around": ("amount", "\u00a01.50\u00a0", Decimal("1.50")),
    "amount of a return": ("amount", "-12.5", Decimal("-12.50")),
    "amount without places": ("amount", "12", Decimal("12.00")),
    "amount minus zero": ("amount", "-0.00", Decimal("0.00")),
    "amount of 16 digits": ("amount", "1234567890123456.78", Decimal("1234567890123456.78")),
    "token NULL": ("store_token", "NULL", "NULL"),
    "token NA": ("store_token", "NA", "NA"),
    "token \\N": ("receipt_token", "\\N", "\\N"),
    "token of digits": ("store_token", "0012", "0012"),
    "token like a number": ("transaction_id", "1E5", "1E5"),
    "token like a formula": ("receipt_token", "=1+1", "=1+1"),
    "token in Devanagari": ("user_role", "खजांची", "खजांची"),
    "token of an emoji": ("user_role", "🛒 cashier", "🛒 cashier"),
    "token of 10,000 characters": ("user_role", "x" * 10_000, "x" * 10_000),
    "token with every delimiter": ("user_role", "a,b;c|d\te", "a,b;c|d\te"),
    "token with quotes": ("user_role", 'the "good" one', 'the "good" one'),
    "token with an apostrophe": ("user_role", "O'Brien", "O'Brien"),
    "token with a line's end": ("user_role", "one\ntwo", "one\ntwo"),
    "token with blank lines": ("user_role", "one\n\n\ntwo", "one\n\n\ntwo"),
    "time with Z": ("transaction_time", "2025-01-11T10:00:00Z", datetime(2025, 1, 11, 10)),
    "time with an offset": ("transaction_time", "2025-01-11T02:00:00+05:30", datetime(2025, 1, 10, 20, 30)),
    "time with an offset to the west": (
        "transaction_time",
        "2025-01-11T20:00:00-08:00",
        datetime(2025, 1, 12, 4),
    ),
    "time with a blank": ("transaction_time", "2025-01-11 10:00:00", datetime(2025, 1, 11, 10)),
    "time with a fraction": (
        "transaction_time",
        "2025-01-11 10:00:00.125Z",
        datetime(2025, 1, 11, 10, 0, 0, 125_000),
    ),
    "time on 29 February of a leap year": (
        "transaction_time",
        "2024-02-29T23:59:59",
        datetime(2024, 2, 29, 23, 59, 59),
    ),
}
_UNICODE = ("खजांची", "🛒", "１")


def _breaking(column: str, text: str) -> Defect:
    return lambda sheet: _encoded(sheet, text).broken(_AT, column, text)


def _reading(column: str, text: str, value: Any) -> Defect:
    # The row after it is broken, which shows that lines are counted on through it.
    return lambda sheet: (
        _encoded(sheet, text).written(_AT, column, text, value).broken(_AT + 1, "amount", "none")
    )


def _encoded(sheet: Sheet, text: str) -> Sheet:
    needs_unicode = any(sign in text for sign in _UNICODE) and not sheet.style.encoding.startswith("utf")
    return sheet.styled(encoding="utf-8") if needs_unicode else sheet


DEFECTS: dict[str, Defect] = {
    **{name: _breaking(*how) for name, how in BROKEN.items()},
    **{name: _reading(*how) for name, how in READ.items()},
}
