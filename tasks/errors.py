"""Four kinds of failure, one class each: who reads a message learns what failed, on which input, and what to do.

The kind decides what happens next, so it is chosen where the failure is understood, never guessed from a traceback:
transient failures are retried, the others never; each kind has its alert severity.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NeverConnected
from prefect.tasks import exponential_backoff

from tasks.events import log
from tasks.settings import Settings, settings

Made = TypeVar("Made")
Severity = Literal["INFO", "WARNING", "HIGH", "CRITICAL"]


class HighwaterError(Exception):
    """A failure that we understand. Its text is the alert's text."""

    severity: ClassVar[Severity] = "HIGH"


class TransientError(HighwaterError):
    """It may work in a moment: throttling, a dropped connection, a commit lost to a concurrent one."""


class Uncertain(TransientError):
    """It may have been done: the answer was lost, or the service broke off. Look before you ask again."""


class Outrun(TransientError):
    """Something changed what a result was computed from: trying the same again is in vain, computing anew is not."""


class DataError(HighwaterError):
    """An input is not what the contract says; trying again gives the same answer."""


class SystemFault(HighwaterError):
    """Permissions, missing resources, exhausted limits: somebody has to change the environment."""

    severity: ClassVar[Severity] = "CRITICAL"


class BusinessError(HighwaterError):
    """A rule of ours says no: the quality gate, the model gate."""


_TRANSIENT_CODES = frozenset(
    {
        "ConcurrentRunsExceededException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceException",
        "OperationTimeoutException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)

# The service failed while it worked on the request: what it had done by then is not known.
_BROKEN_OFF = frozenset({500, 502, 503, 504})

# What to do about an answer that does not pass by itself. Whoever can say more adds it to what was being done.
_ADVICE = {
    "AccessDenied": "Give the worker's role this permission.",
    "AccessDeniedException": "Give the worker's role this permission.",
    "ExpiredToken": "Renew the worker's credentials.",
    "ExpiredTokenException": "Renew the worker's credentials.",
    "InvalidAccessKeyId": "Correct the worker's credentials.",
    "NoSuchKey": "It was removed, or never written: restore it, or run again what writes it.",
    "404": "It was removed, or never written: restore it, or run again what writes it.",
    "NoSuchBucket": "Deploy the bucket, or correct HIGHWATER_LAKE_BUCKET.",
    "EntityNotFoundException": "Deploy what is missing, or correct its name in the HIGHWATER_ settings.",
    "ResourceNotFoundException": "Deploy what is missing, or correct its name in the HIGHWATER_ settings.",
}
_PASSES = "It may pass by itself: if it lasts, run again later."
_MEND = "Mend what the message names, then run again."


def from_aws(error: Exception, doing: str) -> HighwaterError:
    """The kind of an AWS failure, with what we were doing when it came."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "Unknown")
        message = f"{doing}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        if is_broken_off(error):
            return Uncertain(f"{message}. {_PASSES}")
        if code in _TRANSIENT_CODES:
            return TransientError(f"{message}. {_PASSES}")
        return SystemFault(f"{message.removesuffix('.')}. {_ADVICE.get(code, _MEND)}")
    if isinstance(error, (NeverConnected, HTTPClientError)):
        kind = TransientError if isinstance(error, NeverConnected) else Uncertain
        return kind(f"{doing}: {error}. Check the way from this worker to AWS if it lasts.")
    if isinstance(error, BotoCoreError):
        return SystemFault(f"{doing}: {error}. Check the AWS settings of this worker (region, credentials).")
    raise error


def is_broken_off(error: ClientError) -> bool:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _BROKEN_OFF


@contextmanager
def aws_failures(doing: str) -> Iterator[None]:
    """What AWS or the way to it raises inside, told as one of our kinds."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, doing) from error


def is_transient(error: BaseException) -> bool:
    return isinstance(error, TransientError)


def retry_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Prefect's retry condition: only what may pass by itself is tried again."""
    error = state.result(raise_on_failure=False)
    return is_transient(error) and not isinstance(error, Outrun)


RETRIES = 3
_JITTER = 0.5
# Not settings(), which keeps what it has read: this is read at import, and processes forked later may have others.
RETRY: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=Settings().retry_seconds),
    "retry_jitter_factor": _JITTER,
    "retry_condition_fn": retry_transient,
}


def retried(action: Callable[..., Made], *arguments: Any) -> Made:
    """For calls outside of any task: tried again as a task would be."""
    for attempt in range(1, RETRIES + 1):
        try:
            return action(*arguments)
        except Outrun:
            raise
        except TransientError as error:
            seconds = settings().retry_seconds * 2 ** (attempt - 1) * random.uniform(1, 1 + _JITTER)
            log("failed, trying again", what=action.__name__, seconds=round(seconds, 1), error=error)
            time.sleep(seconds)
    return action(*arguments)
