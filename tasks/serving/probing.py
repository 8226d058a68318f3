"""Send records of ours to both variants, where customers send too few: the same records, in turns."""

from __future__ import annotations

import itertools
import json
import statistics
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from deployments.names import CHALLENGER, CHAMPION
from tasks.errors import aws_failures, from_aws, is_transient
from tasks.services import aws
from tasks.serving.captured import PROBE, predictions
from tasks.serving.endpoint_requests import JSON
from tasks.settings import settings

Record = Mapping[str, Any]
_UNREADY = ("ModelError", "ModelNotReadyException")
_SERVER_FAILED = 500


@dataclass
class Probed:
    """What one variant answered to our records. `scores` is by the record's place, so that two variants can be paired."""

    invocations: int = 0
    errors: int = 0
    milliseconds: list[float] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    first_error: str = ""

    @property
    def latency_ms(self) -> float | None:
        return statistics.median(self.milliseconds) if self.milliseconds else None


def probe(records: Sequence[Record], at_least: int) -> dict[str, Probed]:
    """Send each record to both variants, and all of them again until there are enough requests."""
    found = {CHAMPION: Probed(), CHALLENGER: Probed()}
    if not records:
        return found
    for sent, place in enumerate(itertools.cycle(range(len(records)))):
        if sent >= max(at_least, len(records)):
            return found
        for variant, probed in found.items():
            _send(variant, place, records[place], probed)
    return found


def _send(variant: str, place: int, record: Record, probed: Probed) -> None:
    endpoint, started = settings().endpoint, time.perf_counter()
    probed.invocations += 1
    with aws_failures(f"asking the {variant} of endpoint {endpoint}"):
        try:
            answer = aws.sagemaker_runtime().invoke_endpoint(
                EndpointName=endpoint,
                TargetVariant=variant,
                ContentType=JSON,
                Accept=JSON,
                InferenceId=f"{PROBE}{uuid.uuid4()}",
                Body=json.dumps({"instances": [record]}).encode(),
            )
            body = answer["Body"].read()
        except ClientError as error:
            if not _is_the_variants(error):
                raise
            probed.errors += 1
            probed.first_error = probed.first_error or str(error.response.get("OriginalMessage", error))
            return
    probed.milliseconds.append((time.perf_counter() - started) * 1000)
    try:
        ((_, score),) = predictions(body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        probed.errors += 1
        probed.first_error = probed.first_error or f"the answer is no prediction: {error}"
        return
    probed.scores[place] = score


def _is_the_variants(error: ClientError) -> bool:
    """Whether a customer would get this answer too. A missing endpoint or permission says nothing about the variant."""
    return (
        error.response["Error"]["Code"] in _UNREADY
        or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_FAILED
        or is_transient(from_aws(error, "asking"))
    )
