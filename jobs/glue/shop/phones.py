"""Phone numbers in the form E.164, by the rules of their countries."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

_REMEMBERED = 100_000


@lru_cache(_REMEMBERED)
def e164(phone: str | None, country: str | None) -> str | None:
    """The number as +919876543210; None if it is no valid number. `country` is where a number without + is of."""
    import phonenumbers  # only where Glue has installed it: on the executors of this job

    if not phone:
        return None
    try:
        number = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def normalized(phone: Column, country: Column) -> Column:
    as_udf: Any = F.udf(e164, "string")
    return as_udf(phone, country)  # type: ignore[no-any-return]
