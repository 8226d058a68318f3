"""The "overloaded" response of each service, in the format that its clients expect."""

from __future__ import annotations

import json
from collections.abc import Mapping

Answer = tuple[int, dict[str, str], bytes]
_WHY = "refused by the fault harness"


def refusal(service: str, headers: Mapping[str, str]) -> Answer:
    if service == "snowflake":
        return 503, {}, b""
    if service == "s3":
        body = f"<Error><Code>SlowDown</Code><Message>{_WHY}</Message></Error>"
        return 503, {"Content-Type": "application/xml"}, body.encode()
    if "X-Amz-Target" in headers:
        error = {"__type": "ThrottlingException", "message": _WHY}
        return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(error).encode()
    error_xml = (
        f"<Error><Type>Receiver</Type><Code>ServiceUnavailable</Code><Message>{_WHY}</Message></Error>"
    )
    body = f"<ErrorResponse>{error_xml}<RequestId>0</RequestId></ErrorResponse>"
    return 503, {"Content-Type": "text/xml"}, body.encode()
