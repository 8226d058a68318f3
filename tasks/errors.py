"""Four kinds of failure, one class each. Every message says what failed, on which input, and what to do.

The kind decides what happens next: only transient failures are retried, and each kind has its own alert severity. It is
chosen where the failure is understood, never guessed from a traceback.
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

T = TypeVar("T")
Severity = Literal["INFO", "WARNING", "HIGH", "CRITICAL"]


class HighwaterError(Exception):
    """Base class of failures that we understand. The message becomes the alert text."""

    severity: ClassVar[Severity] = "HIGH"


class TransientError(HighwaterError):
    """A retry may succeed: throttling, a dropped connection, a commit that lost to a concurrent one."""


class Uncertain(TransientError):
    """The request may have succeeded: the response was lost, or the service failed midway. Check before sending it again."""


class StaleResult(TransientError):
    """A concurrent change made a result stale. Retrying the same step cannot succeed; recomputing the result can."""


class DataError(HighwaterError):
    """An input breaks its contract. A retry would fail the same way."""


class SystemFault(HighwaterError):
    """Permissions, missing resources, exhausted limits: somebody has to change the environment."""

    severity: ClassVar[Severity] = "CRITICAL"


class BusinessError(HighwaterError):
    """One of our own rules failed, such as the quality audit or the model gate."""


_TRANSIENT_CODES = frozenset(
    {
        "ConcurrentRunsExceededException",
        "ConditionalRequestConflict",
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

# The service failed while processing the request, which may or may not have taken effect.
_SERVER_ERRORS = frozenset({500, 502, 503, 504})

# What to do about errors that do not resolve themselves.
_ADVICE = {
    "AccessDenied": "Give the worker's role this permission.",
    "AccessDeniedException": "Give the worker's role this permission.",
    "ExpiredToken": "Renew the worker's credentials.",
    "ExpiredTokenException": "Renew the worker's credentials.",
    "InvalidAccessKeyId": "Correct the worker's credentials.",
    "NoSuchKey": "It was removed, or never written: restore it, or rerun whatever writes it.",
    "404": "It was removed, or never written: restore it, or rerun whatever writes it.",
    "NoSuchBucket": "Deploy the bucket, or correct HIGHWATER_LAKE_BUCKET.",
    "EntityNotFoundException": "Deploy what is missing, or correct its name in the HIGHWATER_ settings.",
    "ResourceNotFoundException": "Deploy what is missing, or correct its name in the HIGHWATER_ settings.",
}
_WAIT = "It may resolve itself: if it persists, run again later."
_FIX = "Fix what the message names, then run again."


def from_aws(error: Exception, doing: str) -> HighwaterError:
    """An AWS failure as one of our kinds, prefixed with what we were doing."""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "Unknown")
        message = f"{doing}: {code}: {error.response.get('Error', {}).get('Message', '')}"
        if is_server_error(error):
            return Uncertain(f"{message}. {_WAIT}")
        if code in _TRANSIENT_CODES:
            return TransientError(f"{message}. {_WAIT}")
        return SystemFault(f"{message.removesuffix('.')}. {_ADVICE.get(code, _FIX)}")
    if isinstance(error, (NeverConnected, HTTPClientError)):
        kind = TransientError if isinstance(error, NeverConnected) else Uncertain
        return kind(f"{doing}: {error}. If it persists, check this worker's network route to AWS.")
    if isinstance(error, BotoCoreError):
        return SystemFault(f"{doing}: {error}. Check the AWS settings of this worker (region, credentials).")
    raise error


def is_server_error(error: ClientError) -> bool:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _SERVER_ERRORS


@contextmanager
def aws_failures(doing: str) -> Iterator[None]:
    """Convert any boto3 error raised inside the block into one of our kinds."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise from_aws(error, doing) from error


def is_transient(error: BaseException) -> bool:
    return isinstance(error, TransientError)


def retry_transient(_task: Any, _run: Any, state: Any) -> bool:
    """Prefect's retry condition: retry transient errors, except StaleResult, which needs a recomputed result."""
    error = state.result(raise_on_failure=False)
    return is_transient(error) and not isinstance(error, StaleResult)


RETRIES = 3
_JITTER = 0.5
# Settings(), not the cached settings(): this runs at import, and processes forked later may have other settings.
RETRY: dict[str, Any] = {
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(backoff_factor=Settings().retry_seconds),
    "retry_jitter_factor": _JITTER,
    "retry_condition_fn": retry_transient,
}


def retried(action: Callable[..., T], *arguments: Any) -> T:
    """Call an action with the same retries as a task. For calls outside of any task."""
    for attempt in range(1, RETRIES + 1):
        try:
            return action(*arguments)
        except StaleResult:
            raise
        except TransientError as error:
            seconds = settings().retry_seconds * 2 ** (attempt - 1) * random.uniform(1, 1 + _JITTER)
            log("failed, retrying", what=action.__name__, seconds=round(seconds, 1), error=error)
            time.sleep(seconds)
    return action(*arguments)
