"""Whose turn it is to write. A transaction keeps it from its first write to its end, so nobody writes in between."""

from __future__ import annotations

import threading
import time


class WriteTurn:
    """One for the account, where Snowflake locks per table: then what a transaction has read stays what is committed."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._holder: object | None = None

    def take(self, session: object, seconds: float) -> bool:
        """True when the session may write; it may ask again while it holds the turn."""
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
