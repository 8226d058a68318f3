"""Read what the endpoint captured of its requests: who was scored, by which variant, when, and how."""

from __future__ import annotations

import base64
import json
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tasks.events import log
from tasks.services import objects
from tasks.serving.endpoint_requests import JSON, captured_folder
from tasks.settings import settings

PROBE = "probe-"
"""How the inference ids of our own requests begin. They are nobody's traffic."""
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Served:
    """One customer's score, as a variant gave it. `customer_id` is empty if the request did not name the customer."""

    variant: str
    customer_id: str
    at: datetime
    probability: float
    probe: bool = False


@dataclass
class Unread:
    """The lines that could not be read, and why not the first of them."""

    lines: int = 0
    first: str = ""


def served(variant: str, since: datetime, until: datetime) -> Iterator[Served]:
    """The scores that a variant gave in [since, until), from the files of these hours. AWS writes whole seconds.

    Lines that can't be read are left out, and logged at the end.
    """
    unread = Unread()
    since = since.astimezone(UTC).replace(microsecond=0)
    for folder in _folders(since, until):
        for file in objects.listed(f"{captured_folder()}/{settings().endpoint}/{variant}/{folder}/"):
            found = in_file(variant, file.address, objects.read(file.address), unread)
            yield from (s for s in found if since <= s.at < until)
    if unread.lines:
        log(
            "captured answers that can't be read were left out",
            level=logging.WARNING,
            variant=variant,
            lines=unread.lines,
            first=unread.first,
        )


def _folders(since: datetime, until: datetime) -> Iterator[str]:
    """Of each hour, or of a day that is wholly within: a folder takes a request to list, and most hours have none."""
    at = since.replace(minute=0, second=0)
    while at < until:
        is_day = at.hour == 0 and at + _DAY <= until
        yield f"{at:%Y/%m/%d}" if is_day else f"{at:%Y/%m/%d/%H}"
        at += _DAY if is_day else _HOUR


def in_file(variant: str, address: str, content: bytes, unread: Unread) -> Iterator[Served]:
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found = list(_in_line(variant, json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            unread.lines += 1
            unread.first = unread.first or f"line {number} of {address}: {type(error).__name__}: {error}"
            continue
        yield from found


def _in_line(variant: str, line: Mapping[str, Any]) -> Iterator[Served]:
    event, output = line["eventMetadata"], line["captureData"].get("endpointOutput")
    if output is None or output["observedContentType"].partition(";")[0].strip() != JSON:
        return  # whoever asks for Parquet gets it, and such an answer is not read here
    at = datetime.strptime(event["inferenceTime"], _TIME).replace(tzinfo=UTC)
    probe = str(event.get("inferenceId", "")).startswith(PROBE)
    for customer, probability in predictions(_text(output)):
        yield Served(variant, customer, at, probability, probe)


def predictions(answer: str | bytes) -> Iterator[tuple[str, float]]:
    """Customer and probability of each prediction in an answer. A request need not say whom it is about."""
    for found in json.loads(answer)["predictions"]:
        probability = float(found["probability"])
        if not math.isfinite(probability):
            raise ValueError(f"the probability is {probability}")
        yield str(found.get("customer_id") or ""), probability


def _text(side: Mapping[str, str]) -> str:
    return base64.b64decode(side["data"]).decode() if side["encoding"] == "BASE64" else side["data"]
