"""`python -m deployments.inbox_listener`: files that arrive in the inbox get a run, one for many files.

A message is deleted once its run exists. Killed in between, the listener finds the message again and asks for the same run,
which Prefect knows by its idempotency key. Nothing is received before Prefect has answered, so an outage does not count as a
try and makes no dead letters.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deployments import names
from deployments.inbox_events import KEYS_A_RUN, Batch, Message, ObjectVersion, batch_of
from deployments.inbox_health import Pulse, serve
from deployments.inbox_queue import MOST_AT_ONCE, Queue
from deployments.inbox_runs import NoRunsTaken, Runs
from tasks.errors import HighwaterError, retried
from tasks.events import log
from tasks.runs import alerts

_POLL_SECONDS = 20
_PREFECT_SECONDS = 20.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0
_VERSIONS_REMEMBERED = 10_000


class ListenerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HIGHWATER_")

    inbox_bucket: str = Field(default=names.INBOX, description="bucket whose events are listened to")
    listener_port: int = Field(default=8080, description="port of /health and /ready, on 127.0.0.1")
    listener_collect_seconds: float = Field(
        default=2, ge=0, description="how long more events are awaited after the first, for one run"
    )
    listener_hide_seconds: int = Field(
        default=120,
        ge=10,
        description="how long a received message is hidden: after so long a killed listener's messages come again",
    )


class Stop:
    """The wish to end. While the listener only waits, a signal ends it at once; else after what it is doing."""

    def __init__(self) -> None:
        self.is_wanted = False
        self._only_waits = False

    def on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.want())

    def want(self) -> None:
        self.is_wanted = True
        if self._only_waits:
            raise SystemExit(0)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        self._only_waits = True
        try:
            if self.is_wanted:
                raise SystemExit(0)
            yield
        finally:
            self._only_waits = False


class Listener:
    def __init__(self, settings: ListenerSettings, runs: Runs, stop: Stop, pulse: Pulse) -> None:
        self._settings = settings
        self._queue = Queue(names.INBOX_EVENTS)
        self._runs = runs
        self._stop = stop
        self._pulse = pulse
        self._started: dict[ObjectVersion, None] = {}
        self._wait = _FIRST_WAIT_SECONDS

    def listen(self) -> None:
        while not self._stop.is_wanted:
            try:
                self.turn()
            except (NoRunsTaken, HighwaterError) as error:
                self._pause(error)

    def turn(self) -> None:
        """Wait for messages; if some come, start their run and delete them."""
        self._pulse.beat()
        with self._stop.at_once():
            self._runs.deployment()
            received = self._collect()
        self._listening()
        if received:
            self._handle(batch_of(received, self._settings.inbox_bucket, self._started))

    def _collect(self) -> list[Message]:
        """What arrives within the time, and what waits already: a run more costs more than the seconds to receive it."""
        hide = self._settings.listener_hide_seconds
        # At first without waiting: then it is known that the queue can be read.
        wait = _POLL_SECONDS if self._pulse.is_listening else 0
        received = self._queue.receive(wait_seconds=wait, hide_seconds=hide)
        until = time.monotonic() + self._settings.listener_collect_seconds
        more_wait = len(received) == MOST_AT_ONCE
        while received and len(received) < KEYS_A_RUN and (more_wait or time.monotonic() < until):
            most = KEYS_A_RUN - len(received)
            some = self._queue.receive(wait_seconds=1, hide_seconds=hide, most=most)
            more_wait = len(some) == MOST_AT_ONCE
            received += some
        return received

    def _listening(self) -> None:
        if not self._pulse.is_listening:
            log("listening", queue=self._queue.url, bucket=self._settings.inbox_bucket)
        self._pulse.is_listening = True
        self._wait = _FIRST_WAIT_SECONDS

    def _handle(self, batch: Batch) -> None:
        for message, error in batch.unreadable:
            self._tell(message, error)
        run = self._start(batch) if batch.versions else None
        self._remember(batch.versions)
        left = self._queue.delete(batch.understood)
        log(
            "run started" if run else "no run needed",
            run=run,
            keys=len(batch.keys),
            messages=len(batch.understood),
            unneeded=batch.unneeded,
            repeated=batch.repeated,
            unreadable=len(batch.unreadable),
            come_again=len(left),
        )

    def _start(self, batch: Batch) -> str:
        while True:
            try:
                return self._runs.start(batch)
            except NoRunsTaken as error:
                self._keep(batch.understood)
                self._pause(error)

    def _keep(self, messages: Sequence[Message]) -> None:
        """Hide them for as long as it takes: coming again would count as a try."""
        self._queue.hide(messages, self._settings.listener_hide_seconds)

    def _remember(self, versions: set[ObjectVersion]) -> None:
        self._started |= dict.fromkeys(versions)
        for version in list(self._started)[:-_VERSIONS_REMEMBERED]:
            del self._started[version]

    def _tell(self, message: Message, error: Exception) -> None:
        log("message left", level=logging.WARNING, message=message.id, receives=message.receives, error=error)
        if message.receives < names.INBOX_TRIES:
            return
        text = (
            f"A message in {names.INBOX_EVENTS} can't be read: {error}. Message {message.id} was received "
            f"{message.receives} times and goes to {names.INBOX_DEAD_LETTERS}. Look at it there; once it can be read, "
            "put it back with `python -m deployments redrive`. Files that wait are found by the sweep."
        )
        try:
            retried(alerts.send, "HIGH", text, {"flow": "retail-inbox", "message_id": message.id})
        except HighwaterError as failure:
            log("alert not sent", level=logging.ERROR, message=message.id, error=failure)

    def _pause(self, error: Exception) -> None:
        self._pulse.beat()
        self._pulse.is_listening = False
        log("not listening", level=logging.ERROR, retry_in_seconds=self._wait, error=error)
        with self._stop.at_once():
            time.sleep(self._wait)
        self._wait = min(self._wait * 2, _LONGEST_WAIT_SECONDS)


def main() -> int:
    logging.basicConfig(stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("highwater").setLevel(logging.INFO)
    if not PREFECT_API_URL.value():
        log("PREFECT_API_URL is not set: name the server that knows the deployment", level=logging.ERROR)
        return 2
    settings, stop, pulse = ListenerSettings(), Stop(), Pulse()
    stop.on_signals()
    serve(pulse, settings.listener_port)
    log("started", bucket=settings.inbox_bucket, health_port=settings.listener_port)
    # The listener has its own way to wait, in which messages stay hidden.
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(httpx_settings={"timeout": _PREFECT_SECONDS}, sync_client=True) as client,
    ):
        Listener(settings, Runs(client), stop, pulse).listen()
    return 0


if __name__ == "__main__":
    sys.exit(main())
