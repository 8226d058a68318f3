"""Text to value in plain Python: slow, obvious, and what the Spark expressions are checked against."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from contracts.language.kinds import MAX_JSON_DEPTH, MONEY, TEXT_KINDS, Size, exact_size
from contracts.language.nested import element_of, fields_of
from contracts.language.written import (
    DATE_PATTERN,
    EXACT_DOUBLES,
    FALSE_WORDS,
    FIRST_DAY,
    INSTANT_PATTERN,
    LOCAL_PATTERN,
    NUMBER_PATTERN,
    TIME_PATTERN,
    TRUE_WORDS,
    WHITE_SPACE,
    WHOLE_PATTERN,
)

Plain = str | int | float | bool | Decimal | dt.date | dt.datetime | dt.time
Value = Plain | list[Plain | None] | dict[str, Plain | None]

_WIDE = Context(prec=80)
_TEXT_DIGITS, _TEXT_SCALE = 38, 6
_LONGEST_OFFSET = dt.timedelta(hours=18)
_FIRST = dt.date.fromisoformat(FIRST_DAY)
_FIRST_INSTANT = dt.datetime.combine(_FIRST, dt.time(), dt.UTC)


def present(raw: object) -> bool:
    """Whether anything was delivered at all: a blank is a null."""
    return raw is not None and not (isinstance(raw, str) and not raw.strip(WHITE_SPACE))


def value_of(kind: str, raw: object) -> Value | None:
    """The typed value, or None where there is none or it does not fit."""
    if not present(raw):
        return None
    if isinstance(raw, str):
        raw = raw.strip(WHITE_SPACE)
    if (element := element_of(kind)) is not None:
        return _array(element, _parsed(raw))
    if fields := fields_of(kind):
        return _struct(fields, _parsed(raw))
    if kind in TEXT_KINDS:
        return _text(kind, raw)
    if size := exact_size(kind):
        return _unrounded(raw, size)
    return _CASTS[kind](raw)


def _text(kind: str, raw: object) -> str | None:
    text = raw if isinstance(raw, str) else _number_as_text(raw)
    if text is None:
        return None
    if kind == "code":
        return text.upper()
    if kind == "channel":
        return text.lower().replace(" ", "_").replace("-", "_")
    return text


def _number_as_text(raw: object) -> str | None:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    if isinstance(raw, float) and not abs(raw) <= EXACT_DOUBLES:
        return None
    exact = _exact(raw, _TEXT_DIGITS, _TEXT_SCALE)
    if exact is None:
        return None
    return str(int(exact)) if exact == exact.to_integral_value() else f"{exact:f}".rstrip("0")


def _number_of(raw: object) -> Decimal | None:
    """A finite number as it is written; of a double, its shortest text."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | Decimal | float):
        return None
    if isinstance(raw, str) and not re.fullmatch(NUMBER_PATTERN, raw):
        return None
    number = Decimal(repr(raw) if isinstance(raw, float) else raw)
    return number if number.is_finite() else None


def _exact(raw: object, digits: int, scale: int) -> Decimal | None:
    """A decimal of so many digits, rounded half up, or None where it does not fit."""
    number = _number_of(raw)
    if number is None or (number and number.adjusted() > digits - scale):
        return None
    rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE)
    return rounded if rounded.copy_abs() < Decimal(10) ** (digits - scale) else None


def _money(raw: object) -> Decimal | None:
    return _exact(raw, *MONEY)


def _unrounded(raw: object, size: Size) -> Decimal | None:
    if isinstance(raw, str) and ("e" in raw.lower() or len(raw.partition(".")[2]) > size.scale):
        return None
    if isinstance(raw, float) and not abs(raw) <= EXACT_DOUBLES:
        return None
    rounded = _exact(raw, *size)
    return rounded if rounded is not None and rounded == _number_of(raw) else None


def _integer(raw: object) -> int | None:
    whole: int
    if isinstance(raw, bool):
        return None
    if isinstance(raw, str):
        if not re.fullmatch(WHOLE_PATTERN, raw) or len(raw.split(".")[0].lstrip("+-0")) > 19:
            return None
        whole = int(raw.split(".")[0])
    elif isinstance(raw, int):
        whole = raw
    elif isinstance(raw, float | Decimal) and math.isfinite(raw) and raw == int(raw):
        whole = int(raw)
    else:
        return None
    return whole if -(2**63) <= whole < 2**63 else None


def _number(raw: object) -> float | None:
    if isinstance(raw, bool) or (isinstance(raw, str) and not re.fullmatch(NUMBER_PATTERN, raw)):
        return None
    if not isinstance(raw, str | int | float | Decimal):
        return None
    number = float(raw)
    return number + 0.0 if math.isfinite(number) else None


def _flag(raw: object) -> bool | None:
    if isinstance(raw, str):
        word = raw.lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None
    if isinstance(raw, bool | int | float | Decimal):
        return True if raw == 1 else False if raw == 0 else None
    return None


def _day(raw: object) -> dt.date | None:
    if isinstance(raw, str):
        if not re.fullmatch(DATE_PATTERN, raw):
            return None
        try:
            return dt.date.fromisoformat(raw)
        except ValueError:
            return None
    if isinstance(raw, dt.datetime):
        raw = _day_of(raw)
    return raw if isinstance(raw, dt.date) and raw >= _FIRST else None


def _day_of(moment: dt.datetime) -> dt.date | None:
    """Without a zone a moment says its day by itself; an instant is of one day here and of another there, unless it is
    midnight UTC, which is how some tools write a day."""
    if moment.tzinfo is None:
        return moment.date()
    moment = _in_utc(moment)
    return moment.date() if moment.time() == dt.time() else None


def _instant(raw: object) -> dt.datetime | None:
    if isinstance(raw, dt.date) and not isinstance(raw, dt.datetime):
        raw = dt.datetime.combine(raw, dt.time(), dt.UTC)
    try:
        moment = _written_instant(raw) if isinstance(raw, str) else raw
        if not isinstance(moment, dt.datetime):
            return None
        moment = _in_utc(moment)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _FIRST_INSTANT else None


def _written_instant(text: str) -> dt.datetime | None:
    if not (parts := re.fullmatch(INSTANT_PATTERN, text)):
        return None
    fraction, zone = (parts.group(2) or ".0")[1:], parts.group(3) or "Z"
    moment = dt.datetime.fromisoformat(f"{text[:10]} {text[11:19]}").replace(
        microsecond=int(f"{fraction:0<6}"[:6])
    )
    return moment.replace(tzinfo=dt.UTC if zone == "Z" else dt.timezone(_offset(zone)))


def _offset(zone: str) -> dt.timedelta:
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    size = dt.timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or size > _LONGEST_OFFSET:
        raise ValueError(f"no such offset: {zone}")
    return -size if zone[0] == "-" else size


def _in_utc(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _clock(raw: object) -> dt.time | None:
    if not isinstance(raw, str) or not re.fullmatch(TIME_PATTERN, raw):
        return None
    return dt.time.fromisoformat(raw[:15])


def _local(raw: object) -> dt.datetime | None:
    if isinstance(raw, str) and not re.fullmatch(LOCAL_PATTERN, raw):
        return None
    if isinstance(raw, dt.datetime) and raw.tzinfo is not None:
        return None
    moment = _instant(raw)
    return moment.replace(tzinfo=None) if moment else None


def _document(raw: object) -> str | None:
    if not isinstance(raw, str) or not raw.startswith(("{", "[")):
        return None
    try:
        found = json.loads(
            raw, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=str, parse_float=str
        )
        json.dumps(found, ensure_ascii=False).encode()  # half a surrogate pair cannot be encoded
    except (ValueError, RecursionError):
        return None
    return raw if _depth(found) <= MAX_JSON_DEPTH else None


def _parsed(raw: object) -> object:
    """Of a JSON text the value, with numbers and words as they are written; otherwise what was delivered."""
    if not isinstance(raw, str):
        return raw
    if _document(raw) is None:
        return None
    found = json.loads(raw, parse_int=str, parse_float=str)
    if isinstance(found, list):
        return [_word(part) for part in found]
    return {key: _word(part) for key, part in found.items()}


def _word(part: object) -> object:
    return str(part).lower() if isinstance(part, bool) else part


def _array(element: str, raw: object) -> list[Any] | None:
    if not isinstance(raw, list):
        return None
    values = [_member(element, part) for part in raw]
    return None if any(present(part) and v is None for part, v in zip(raw, values, strict=True)) else values


def _struct(fields: Mapping[str, str], raw: object) -> dict[str, Any] | None:
    if not isinstance(raw, dict) or not raw.keys() <= fields.keys():
        return None
    values = {field: _member(kind, raw.get(field)) for field, kind in fields.items()}
    return None if any(present(raw.get(field)) and v is None for field, v in values.items()) else values


def _member(kind: str, raw: object) -> Value | None:
    return None if isinstance(raw, list | dict) else value_of(kind, raw)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _refuse(constant: str) -> object:
    raise ValueError(constant)


def _depth(found: object) -> int:
    if not isinstance(found, dict | list):
        return 0
    inside = found.values() if isinstance(found, dict) else found
    return 1 + max(map(_depth, inside), default=0)


_CASTS: dict[str, Callable[[object], Value | None]] = {
    "integer": _integer,
    "decimal": _money,
    "number": _number,
    "boolean": _flag,
    "date": _day,
    "time": _clock,
    "timestamp": _instant,
    "local_timestamp": _local,
    "json": _document,
}
