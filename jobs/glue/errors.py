"""Errors of a job, with a last line that tells people what to do."""

from __future__ import annotations


class DataError(Exception):
    """The input does not match the manifest. Running again does not help until somebody corrects it."""


class CurationFailed(RuntimeError):
    """Spark failed on a dataset. The cause is chained, and its first line is in the message."""


class AnotherRelease(RuntimeError):
    """The job was started by a run whose image has other contracts and jobs."""
