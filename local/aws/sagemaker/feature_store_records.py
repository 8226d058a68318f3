"""Records of a feature group: what AWS takes as one, and the moment of its event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from local.aws.sagemaker.feature_store_groups import FeatureGroup

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_INTEGRAL = re.compile(r"[+-]?\d{1,19}")
_FRACTIONAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_INT64 = range(-(2**63), 2**63)
_LONGEST = 358_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class RequestError(Exception):
    """An error answer of the runtime."""

    def __init__(self, message: str, code: str = "ValidationError", status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Record:
    """A record, or the mark of a deleted one (`values` is None then)."""

    identifier: str
    event_time: int
    """Microseconds since 1970."""
    event_text: str
    """The event time as it was given."""
    values: Mapping[str, str] | None
    expires: int | None = None
    """Microseconds since 1970."""


def record_of(group: FeatureGroup, given: Sequence[Mapping[str, Any]], ttl_seconds: int | None) -> Record:
    """The record of a PutRecord request. Raises RequestError for what AWS refuses."""
    values: dict[str, str] = {}
    for value in given:
        name, text = value["FeatureName"], value.get("ValueAsString")
        if name in values:
            raise _invalid(f"The feature {name} is given twice")
        if name not in group.types:
            raise _invalid(f"The feature {name} is not defined in FeatureGroup {group.name}")
        if text is None:
            raise _invalid(f"The feature {name} has no ValueAsString")
        _check_value(name, group.types[name], text)
        values[name] = text
    for name in (group.identifier, group.event_time):
        if not values.get(name):
            raise _invalid(f"The record has no value of {name}, which FeatureGroup {group.name} requires")
    text = values[group.event_time]
    at = event_time(group, text)
    expires = None if ttl_seconds is None else at + ttl_seconds * 1_000_000
    return Record(values[group.identifier], at, text, values, expires)


def deletion(group: FeatureGroup, identifier: str, event_text: str) -> Record:
    """The mark that DeleteRecord leaves."""
    if not identifier:
        raise _invalid("RecordIdentifierValueAsString is empty")
    _check_value(group.identifier, group.types[group.identifier], identifier)
    return Record(identifier, event_time(group, event_text), event_text, None)


def event_time(group: FeatureGroup, text: str) -> int:
    """Microseconds since 1970. An event time is ISO-8601 text in UTC, or a number of seconds."""
    try:
        if group.types[group.event_time] == "Fractional":
            at = _EPOCH + timedelta(seconds=float(text))
        elif _ISO.fullmatch(text):
            at = datetime.fromisoformat(text)
        else:
            raise ValueError(text)
    except (ValueError, OverflowError) as error:
        raise _invalid(
            f"The event time {group.event_time} is {text!r}: it must be yyyy-MM-dd'T'HH:mm:ssZ or "
            "yyyy-MM-dd'T'HH:mm:ss.SSSZ for a feature of type String, seconds since 1970 for one of type Fractional"
        ) from error
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _check_value(name: str, kind: str, text: str) -> None:
    if len(text) > _LONGEST:
        raise _invalid(f"The value of {name} has {len(text)} characters: at most {_LONGEST} are taken")
    if kind == "String":
        return
    fits = (
        _INTEGRAL.fullmatch(text) and int(text) in _INT64
        if kind == "Integral"
        else _FRACTIONAL.fullmatch(text)
    )
    if not fits:
        raise _invalid(f"The value {text[:100]!r} of {name} is not of the type {kind}")


def _invalid(why: str) -> RequestError:
    return RequestError(f"Validation Error: {why}.")
