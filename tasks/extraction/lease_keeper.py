"""Hold an entity's lease while it is extracted: a heartbeat renews it, and the watermark moves through here alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tasks.errors import HighwaterError
from tasks.events import log
from tasks.extraction import watermark
from tasks.extraction.watermark import EntityBusy, Position, Watermark
from tasks.leases.heartbeat import Heartbeat
from tasks.settings import settings

_LOOK_AGAIN_SECONDS = 2.0


class Keeper:
    def __init__(self, held: Watermark) -> None:
        self.held = held
        self._heartbeat = Heartbeat(
            self._renew,
            name=f"lease of {held.name}",
            of="the entity's lease",
            lost="the entity's lease was taken by another run",
        )

    def advance(self, value: str | None, position: Position | None, run_id: str, why: str) -> None:
        """Move the watermark, which also renews the lease. Raises LeaseLost if another run has taken it."""
        self.held = watermark.advance(self.held, value, position, run_id, why)

    def stop(self) -> None:
        self._heartbeat.stop()

    def _renew(self) -> None:
        watermark.renew(self.held)


@contextmanager
def held(pipeline: str, entity: str, run_id: str) -> Iterator[Keeper]:
    """Hold the lease of an entity. Waits as long as a dead holder's lease can last, then raises EntityBusy."""
    keeper = Keeper(_claimed(pipeline, entity, run_id))
    try:
        yield keeper
    finally:
        keeper.stop()
        _released(keeper.held)


def _released(held: Watermark) -> None:
    """Give the lease back. If that fails it expires by itself, and how the extraction ended is not to be hidden."""
    try:
        watermark.release(held)
    except HighwaterError as error:
        log("the entity's lease could not be released: it will expire", level=logging.WARNING, error=error)


def _claimed(pipeline: str, entity: str, run_id: str) -> Watermark:
    patience = settings().lease_seconds * 1.5
    while True:
        try:
            return watermark.claim(pipeline, entity, run_id)
        except EntityBusy:
            if patience <= 0:
                raise
        time.sleep(_LOOK_AGAIN_SECONDS)
        patience -= _LOOK_AGAIN_SECONDS
