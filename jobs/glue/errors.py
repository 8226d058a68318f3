"""What can go wrong in a job, told so that a person who sees only the last line knows what to do."""

from __future__ import annotations


class DataError(Exception):
    """The input is not what the manifest says: running again will not help before somebody mends it."""


class CurationFailed(RuntimeError):
    """The engine failed on a dataset; the cause is chained, its first line is in the message."""
