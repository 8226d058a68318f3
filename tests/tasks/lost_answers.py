"""Answers that get lost: a request is executed by the real server, and the client never hears of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

Then = Callable[[], Any]


def _nothing() -> None:
    return


@contextmanager
def lost(
    client: Any, action: str, times: int = 1, *, executed: bool = True, then: Then = _nothing
) -> Iterator[list[str]]:
    """The next `times` requests of the action are executed (or not), and the connection is cut before the answer.

    `then` happens between the execution and the cut. Yields the requests that reached the wire, cut or not.
    """
    sent: list[str] = []

    def cut(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(action)
        if len(sent) > times:
            return
        if executed:
            deliver(request)
        then()
        raise cut_off(request)

    event = f"before-send.{client.meta.service_model.service_id.hyphenize()}.{action}"
    client.meta.events.register_first(event, cut)
    try:
        yield sent
    finally:
        client.meta.events.unregister(event, cut)


def deliver(request: AWSPreparedRequest) -> None:
    """What was held on its way arrives."""
    URLLib3Session().send(request)


def cut_off(request: AWSPreparedRequest) -> Exception:
    return ConnectionClosedError(endpoint_url=request.url)
