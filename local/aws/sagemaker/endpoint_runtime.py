"""InvokeEndpoint, answered before moto sees the request: each millisecond of it is the caller's latency."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import structlog
from moto.core import DEFAULT_ACCOUNT_ID

from local.aws.refusals import SEE
from local.aws.sagemaker.endpoint import Endpoint, NotInServiceError, VariantUnknownError
from local.aws.sagemaker.endpoint_host import Answer
from local.aws.sagemaker.endpoint_records import Records, Request

log = structlog.get_logger()

PATH = re.compile(r"/endpoints/([^/]+)/(invocations|invocations-response-stream|async-invocations)")
MOST_BYTES = 6_291_456
MOST_ATTRIBUTES = 1024
INFERENCE_ID = re.compile(r"\S[ -~]{0,63}")
HEADER = "HTTP_X_AMZN_SAGEMAKER_"
NOT_HERE = (
    "TARGET_MODEL",
    "TARGET_CONTAINER_HOSTNAME",
    "INFERENCE_COMPONENT",
    "ENABLE_EXPLANATIONS",
    "SESSION_ID",
)
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class InvocationError(Exception):
    def __init__(self, status: int, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.members = status, code, members


class Invocations:
    """`region` is only named in messages."""

    def __init__(self, endpoints: Mapping[str, Endpoint], records: Records, region: str) -> None:
        self._endpoints = endpoints
        self._records = records
        self._region = region

    def before(self, application: Wsgi) -> Wsgi:
        """WSGI middleware: invocations are answered here, all other requests by `application`."""

        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            found = PATH.fullmatch(environ["PATH_INFO"])
            if found is None or environ["REQUEST_METHOD"] != "POST":
                return application(environ, start_response)
            try:
                if found[2] != "invocations":
                    raise InvocationError(
                        400,
                        "InvalidAction",
                        f"the local SageMaker only has InvokeEndpoint, and no {found[2]}: {SEE}",
                    )
                status, headers, body = self._invoke(unquote(found[1]), environ)
            except InvocationError as error:
                status, headers, body = _failed(error)
            start_response(
                f"{status} {_phrase(status)}", [*headers.items(), ("Content-Length", str(len(body)))]
            )
            return [body]

        return answer

    def _invoke(self, name: str, environ: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        body = _body(environ)
        _check(environ)
        endpoint = self._endpoints.get(name)
        unknown = InvocationError(
            400, "ValidationError", f"Endpoint {name} of account {DEFAULT_ACCOUNT_ID} not found."
        )
        if endpoint is None:
            raise unknown
        target = environ.get(f"{HEADER}TARGET_VARIANT")
        at, kind = datetime.now(UTC), environ.get("CONTENT_TYPE") or "application/octet-stream"
        try:
            with endpoint.invoked(target) as invoked:
                answer = invoked.host.ask(body, _passed_on(environ, kind))
        except NotInServiceError:
            raise unknown from None
        except VariantUnknownError:
            raise InvocationError(
                400,
                "ValidationError",
                f"Variant {target} not found for endpoint {name} of account {DEFAULT_ACCOUNT_ID}.",
            ) from None
        inference_id = environ.get(f"{HEADER}INFERENCE_ID", "")
        request = Request(name, invoked.variant, body, kind, inference_id, at, answer)
        self._records.add(request, invoked.capture)
        if not 200 <= answer.status < 300:
            raise self._model_error(name, invoked.variant, answer)
        return (
            200,
            {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": invoked.variant},
            answer.body,
        )

    def _model_error(self, endpoint: str, variant: str, answer: Answer) -> InvocationError:
        whose = "client" if 400 <= answer.status < 500 else "server"
        group = f"/aws/sagemaker/Endpoints/{endpoint}"
        original = answer.body.decode(errors="replace")
        return InvocationError(
            424,
            "ModelError",
            f'Received {whose} error ({answer.status}) from primary with message "{original}". See '
            f"https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"
            f"#logEventViewer:group={group} in account {DEFAULT_ACCOUNT_ID} for more information.",
            OriginalStatusCode=answer.status,
            OriginalMessage=original,
            LogStreamArn=f"arn:aws:logs:{self._region}:{DEFAULT_ACCOUNT_ID}:log-group:{group}:log-stream:{variant}",
        )


def _body(environ: Mapping[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    if length and int(length) > MOST_BYTES:
        environ["wsgi.input"].read(int(length))  # the connection can be used again
        raise InvocationError(413, "413", f"HTTP content length exceeded {MOST_BYTES} bytes.")
    stream = environ["wsgi.input"]
    body: bytes = stream.read(int(length)) if length else b""
    if not length and environ.get("wsgi.input_terminated"):
        body = stream.read()
        if len(body) > MOST_BYTES:
            raise InvocationError(413, "413", f"HTTP content length exceeded {MOST_BYTES} bytes.")
    return body


def _check(environ: Mapping[str, Any]) -> None:
    for name in NOT_HERE:
        if f"{HEADER}{name}" in environ:
            words = "".join(word.capitalize() for word in name.split("_"))
            raise InvocationError(400, "InvalidAction", f"the local SageMaker does not honour {words}: {SEE}")
    if len(environ.get(f"{HEADER}CUSTOM_ATTRIBUTES", "")) > MOST_ATTRIBUTES:
        raise InvocationError(
            400, "ValidationError", f"CustomAttributes must have at most {MOST_ATTRIBUTES} characters."
        )
    inference_id = environ.get(f"{HEADER}INFERENCE_ID")
    if inference_id is not None and not INFERENCE_ID.fullmatch(inference_id):
        raise InvocationError(400, "ValidationError", "InferenceId must have 1 to 64 printable characters.")


def _passed_on(environ: Mapping[str, Any], content_type: str) -> dict[str, str]:
    headers = {"Content-Type": content_type, "Accept": environ.get("HTTP_ACCEPT") or "*/*"}
    attributes = environ.get(f"{HEADER}CUSTOM_ATTRIBUTES")
    if attributes is not None:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
    return headers


def _failed(error: InvocationError) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({**error.members, "Message": str(error)}).encode()
    return error.status, {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}, body


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
