"""What counts as a variant's error, and what says nothing about it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tasks.errors import SystemFault
from tasks.services import aws
from tasks.serving.probing import probe

RECORDS = [{"customer_id": f"c{i}"} for i in range(4)]


class Runtime:
    """An endpoint whose challenger answers with an error."""

    def __init__(self, code: str, status: int) -> None:
        said = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        self.error = ClientError(said, "InvokeEndpoint")  # type: ignore[arg-type]

    def invoke_endpoint(self, TargetVariant: str, **_: Any) -> dict[str, Any]:
        if TargetVariant == "challenger":
            raise self.error
        return {"Body": io.BytesIO(json.dumps({"predictions": [{"probability": 0.5}]}).encode())}


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ModelError", 424),
        ("ModelNotReadyException", 429),
        ("ThrottlingException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("InternalDependencyException", 530),
    ],
)
def test_what_a_variant_does_not_answer_counts_as_its_error(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(aws, "sagemaker_runtime", lambda: Runtime(code, status))
    found = probe(RECORDS, 6)
    champion, challenger = found["champion"], found["challenger"]
    assert (champion.invocations, champion.errors, champion.scores) == (6, 0, dict.fromkeys(range(4), 0.5))
    assert (challenger.invocations, challenger.errors, challenger.latency_ms) == (6, 6, None)
    assert code in challenger.first_error


@pytest.mark.parametrize(("code", "status"), [("ValidationError", 400), ("AccessDeniedException", 403)])
def test_without_endpoint_or_permission_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr(aws, "sagemaker_runtime", lambda: Runtime(code, status))
    with pytest.raises(SystemFault, match=f"asking the challenger of endpoint .*: {code}"):
        probe(RECORDS, 6)
