"""List*Jobs: filter, sort, then paginate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from local.aws.actions import refused

DEFAULT_PAGE = 10
Order = Callable[[Mapping[str, Any]], Any]


def page(
    summaries: Sequence[dict[str, Any]], request: Mapping[str, Any], noun: str, order: Order | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """One page and the token of the next. `order` is that of a SortBy that not all kinds of job have."""
    found = [summary for summary in summaries if _wanted(summary, request, noun)]
    found.sort(key=order or _order(request.get("SortBy", "CreationTime"), noun))
    if request.get("SortOrder", "Ascending") == "Descending":
        found.reverse()
    start, size = _start(request.get("NextToken")), request.get("MaxResults", DEFAULT_PAGE)
    more = start + size < len(found)
    return found[start : start + size], str(start + size) if more else None


def _wanted(summary: Mapping[str, Any], request: Mapping[str, Any], noun: str) -> bool:
    if request.get("NameContains", "").lower() not in summary[f"{noun}Name"].lower():
        return False
    if request.get("StatusEquals") not in (None, summary.get(f"{noun}Status")):
        return False
    for member in ("CreationTime", "LastModifiedTime"):
        after, before = request.get(f"{member}After"), request.get(f"{member}Before")
        if after is not None and summary[member] <= _time(after):
            return False
        if before is not None and summary[member] >= _time(before):
            return False
    return True


def _order(by: str, noun: str) -> Order:
    member = {"Name": f"{noun}Name", "Status": f"{noun}Status", "CreationTime": "CreationTime"}.get(by)
    if member is None:
        raise refused("ValidationException", f"SortBy is {by!r}: it must be Name, CreationTime or Status")
    return lambda summary: summary[member]


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise refused("ValidationException", f"Invalid NextToken {token!r}")
    return int(token)


def _time(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)
