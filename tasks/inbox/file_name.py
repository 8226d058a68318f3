"""What a file's name says: its kind and the date of its batch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import PurePosixPath
from typing import NamedTuple

from contracts.retail import INBOX
from tasks.errors import DataError

_LETTER = r"[^\W\d_]"
_YEAR = r"(?:19|20|21)\d{2}"
# A second date is no time: 2025 could be 20:25.
_NO_DATE = rf"(?![T_ .-]?{_YEAR}(?P<sign>[-._]?)\d{{2}}(?P=sign)\d{{2}})"
_CLOCK = rf"(?:{_NO_DATE}[T_ .-]?[0-2]\d[:._-]?[0-5]\d(?:[:._-]?[0-5]\d)?)"
_DATE = re.compile(rf"(?<!\d)({_YEAR})([-._]?)(\d{{2}})\2(\d{{2}}){_CLOCK}?(?!\d)")


class FileName(NamedTuple):
    kind: str
    batch_date: date


def recognised(key: str) -> FileName:
    """The kind and the date in a key's last part. Raises DataError that says why it has none."""
    name = PurePosixPath(key).name
    found = list(_DATE.finditer(name))
    if not found:
        raise DataError(
            f"{key}: its name has no date. Name it like sales_20250111.csv or sales_2025-01-11.csv."
        )
    if len(found) > 1:
        shown = " and ".join(each.group(0) for each in found)
        raise DataError(
            f"{key}: its name has several dates ({shown}). Leave the date of the batch alone in it."
        )
    year, month, day = found[0].group(1, 3, 4)
    try:
        batch_date = date(int(year), int(month), int(day))
    except ValueError:
        raise DataError(
            f"{key}: there is no day {year}-{month}-{day}. Correct the date in its name."
        ) from None
    return FileName(_kind(key, name[: found[0].start()]), batch_date)


def _kind(key: str, before: str) -> str:
    kinds = [kind for kind, words in _WORDS.items() if words.search(before)]
    if not kinds:
        raise DataError(
            f"{key}: no kind stands in its name before the date. Known are {_listed(INBOX)}, as a word of its own: "
            "sales_20250111.csv."
        )
    if len(kinds) > 1:
        raise DataError(f"{key}: its name has several kinds ({_listed(kinds)}). Leave one of them.")
    return kinds[0]


def _word(kind: str) -> re.Pattern[str]:
    """A kind, in the singular or the plural, that no letter touches."""
    return re.compile(rf"(?<!{_LETTER}){kind.removesuffix('s')}s?(?!{_LETTER})", re.IGNORECASE)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


_WORDS = {kind: _word(kind) for kind in INBOX}
