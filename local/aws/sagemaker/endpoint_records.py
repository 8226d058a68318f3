"""What an endpoint records of its requests: captured data on S3, and CloudWatch's metrics. Written about once a second."""

from __future__ import annotations

import base64
import json
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from local.aws.sagemaker.endpoint_host import Answer
from local.aws.sagemaker.transfer import Location

log = structlog.get_logger()

FLUSH_SECONDS = 1.0
NAMESPACE = "AWS/SageMaker"
PutMetrics = Callable[[str, list[dict[str, Any]]], None]


@dataclass(frozen=True)
class Request:
    """One request to a variant, with the model's answer."""

    endpoint: str
    variant: str
    body: bytes
    content_type: str
    inference_id: str
    at: datetime
    answer: Answer


@dataclass
class _Values:
    """The values of one metric since they were last written."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)


@dataclass
class _Waiting:
    lines: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: dict[tuple[str, str, str], _Values] = field(default_factory=lambda: defaultdict(_Values))


class Records:
    def __init__(self, s3: Any, put_metrics: PutMetrics) -> None:
        self._s3 = s3
        self._put_metrics = put_metrics
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._waiting = _Waiting()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_flushing, name="endpoint-records", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def add(self, request: Request, capture: Mapping[str, Any] | None) -> None:
        line = None
        if capture is not None and request.answer.status == 200 and _sampled(capture):
            line = json.dumps(captured(request, capture))
        with self._lock:
            for name, value in metrics_of(request.answer).items():
                self._waiting.values[request.endpoint, request.variant, name].add(value)
            if line is not None and capture is not None:
                self._waiting.lines[folder(request, capture)].append(line)

    def flush(self) -> None:
        with self._flushing:
            with self._lock:
                waiting, self._waiting = self._waiting, _Waiting()
            if waiting.values:
                self._put_metrics(NAMESPACE, [_datum(*key, values) for key, values in waiting.values.items()])
            for where, lines in waiting.lines.items():
                self._write(where, lines)

    def _write(self, where: str, lines: Sequence[str]) -> None:
        try:
            to = Location.of(where)
            name = (
                f"{datetime.now(UTC):%M-%S}-{datetime.now(UTC).microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
            )
            body = "".join(f"{line}\n" for line in lines)
            self._s3.put_object(Bucket=to.bucket, Key=to.below(name).key, Body=body.encode())
        except Exception as error:  # noqa: BLE001 - AWS drops what it can't write, and goes on serving
            log.error("data_capture_failed", where=where, error=str(error))

    def _keep_flushing(self) -> None:
        while not self._over.wait(FLUSH_SECONDS):
            self.flush()


def metrics_of(answer: Answer) -> dict[str, float]:
    """AWS counts an answer that never came as an error of the server."""
    client, server = 400 <= answer.status < 500, answer.status >= 500 or answer.status == 0
    return {
        "Invocations": 1.0,
        "Invocation4XXErrors": float(client),
        "Invocation5XXErrors": float(server),
        "InvocationModelErrors": float(client or server),
        "ModelLatency": answer.microseconds,
    }


def _datum(endpoint: str, variant: str, name: str, values: _Values) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": variant},
        ],
        "Unit": "Microseconds" if name == "ModelLatency" else "None",
        "StatisticValues": {
            "SampleCount": values.count,
            "Sum": values.total,
            "Minimum": values.least,
            "Maximum": values.most,
        },
    }


def folder(request: Request, capture: Mapping[str, Any]) -> str:
    root = str(capture["DestinationS3Uri"]).rstrip("/")
    return f"{root}/{request.endpoint}/{request.variant}/{request.at:%Y/%m/%d/%H}"


def captured(request: Request, capture: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the file, as AWS writes it."""
    modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
    types = capture.get("CaptureContentTypeHeader") or {}
    data = {}
    if modes & {"Input", "InputAndOutput"}:
        data["endpointInput"] = _side("INPUT", request.content_type, request.body, types)
    if modes & {"Output", "InputAndOutput"}:
        data["endpointOutput"] = _side("OUTPUT", request.answer.content_type, request.answer.body, types)
    event = {"eventId": str(uuid.uuid4())}
    if request.inference_id:
        event["inferenceId"] = request.inference_id
    event["inferenceTime"] = f"{request.at:%Y-%m-%dT%H:%M:%SZ}"
    return {"captureData": data, "eventMetadata": event, "eventVersion": "0"}


def _side(mode: str, content_type: str, body: bytes, types: Mapping[str, Sequence[str]]) -> dict[str, str]:
    kind = content_type.partition(";")[0].strip()
    if kind in types.get("CsvContentTypes", ()):
        data, encoding = body.decode(errors="replace"), "CSV"
    elif kind in types.get("JsonContentTypes", ()):
        data, encoding = body.decode(errors="replace"), "JSON"
    else:
        data, encoding = base64.b64encode(body).decode(), "BASE64"
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _sampled(capture: Mapping[str, Any]) -> bool:
    return random.random() * 100 < float(capture["InitialSamplingPercentage"])
