"""A heartbeat: a thread that renews a lease while its holder works."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tasks.errors import HighwaterError
from tasks.events import log
from tasks.leases import lease
from tasks.leases.lease import LeaseLost


class Heartbeat:
    """Calls `renew` until it is stopped, or until the lease is lost. A call that fails otherwise is made again."""

    def __init__(self, renew: Callable[[], object], *, name: str, of: str, lost: str) -> None:
        """`of` is what the log says could not be renewed, `lost` what it says of a lost lease."""
        self._renew, self._of, self._lost = renew, of, lost
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stopped.wait(lease.heartbeat_seconds()):
            try:
                self._renew()
            except LeaseLost as lost:
                log(self._lost, level=logging.WARNING, error=lost)
                return
            except HighwaterError as error:
                log(f"{self._of} could not be renewed, trying again", level=logging.WARNING, error=error)
