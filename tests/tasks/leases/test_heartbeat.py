"""A heartbeat goes on after a failure, and ends when it is stopped or when the lease is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import pytest

from tasks.errors import TransientError
from tasks.leases.heartbeat import Heartbeat
from tasks.leases.lease import LeaseLost
from tasks.settings import settings


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(settings(), "lease_seconds", 0.04)
    caplog.set_level(logging.INFO, "highwater")


def started(renew: Callable[[], object]) -> Heartbeat:
    return Heartbeat(renew, name="a lease", of="the lease", lost="the lease was lost")


def test_a_failure_is_logged_and_the_next_beat_renews(caplog: pytest.LogCaptureFixture) -> None:
    beats, renewed = iter([TransientError("a hiccup")]), threading.Event()

    def renew() -> None:
        if failure := next(beats, None):
            raise failure
        renewed.set()

    heartbeat = started(renew)
    assert renewed.wait(5)
    heartbeat.stop()
    assert [record.message for record in caplog.records] == [
        'the lease could not be renewed, trying again error="a hiccup"'
    ]


def test_a_lost_lease_is_logged_once_and_renewed_no_more(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[int] = []

    def renew() -> None:
        tries.append(1)
        raise LeaseLost("another has it")

    heartbeat = started(renew)
    time.sleep(0.3)
    heartbeat.stop()
    assert len(tries) == 1
    assert [record.message for record in caplog.records] == ['the lease was lost error="another has it"']


def test_nothing_is_renewed_once_it_is_stopped() -> None:
    tries: list[int] = []
    started(lambda: tries.append(1)).stop()
    seen = len(tries)
    time.sleep(0.1)
    assert len(tries) == seen
    assert not [thread for thread in threading.enumerate() if thread.name == "a lease"]
