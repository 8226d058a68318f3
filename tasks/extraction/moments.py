"""Moments as they are bound and compared: text in UTC, to the microsecond. Texts of this form are in the order of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tasks.errors import DataError
from tasks.extraction.query import BEGINNING

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text_of(moment: datetime) -> str:
    """One without a zone is in UTC."""
    in_utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return in_utc.isoformat(sep=" ", timespec="microseconds")


def micros(moment: datetime) -> int:
    """Microseconds since 1970. One without a zone is in UTC."""
    in_utc = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (in_utc - _EPOCH) // timedelta(microseconds=1)


def before(text: str, seconds: float) -> str:
    """A moment so many seconds earlier, or the beginning of time."""
    try:
        return text_of(datetime.fromisoformat(text) - timedelta(seconds=seconds))
    except OverflowError:
        return BEGINNING


def of_clock(answer: object, query: str) -> datetime:
    if not isinstance(answer, datetime):
        raise DataError(
            f"the source's clock, {query!r}, returned no timestamp. Correct `clock`. Nothing was read."
        )
    return answer
