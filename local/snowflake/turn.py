"""The write lock. A transaction holds it from its first write to its end, so that no other session writes in between."""

from __future__ import annotations

import threading
import time


class WriteTurn:
    """One write lock for the whole account. Snowflake has one per table.

    With one lock, what a transaction has read after its first write cannot change before it commits.
    """

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._holder: object | None = None

    def take(self, session: object, seconds: float) -> bool:
        """Acquire the lock. It is reentrant for the session that holds it. Returns False after a timeout."""
        deadline = time.monotonic() + seconds
        with self._free:
            while self._holder is not None and self._holder is not session:
                if not self._free.wait(deadline - time.monotonic()):
                    return False
            self._holder = session
            return True

    def give_back(self, session: object) -> None:
        with self._free:
            if self._holder is session:
                self._holder = None
                self._free.notify()
