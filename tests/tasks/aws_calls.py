"""Every call that our code makes while the tests run must be in docs/aws-calls.md, with what its repetition does."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from botocore.client import BaseClient

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / name}/" for name in ("tasks", "flows", "deployments"))
TESTS = f"{ROOT / 'tests'}/"
# Services that IAM and the table know by another name.
_SERVICES = {"sagemaker-featurestore-runtime": "sagemaker", "sagemaker-runtime": "sagemaker"}
_CALL = re.compile(r"`([a-z0-9]+:[A-Z]\w+)`")


class UndocumentedCall(AssertionError):
    """Raised in the middle of the call, through whatever would make a failure of AWS of it."""


def documented() -> frozenset[str]:
    return frozenset(_CALL.findall((ROOT / "docs" / "aws-calls.md").read_text()))


@cache
def watch() -> None:
    """From now on, in this process. A test's own calls are its own business."""
    known, really = documented(), BaseClient._make_api_call

    def watched(client: Any, operation: str, arguments: Any) -> Any:
        service = client.meta.service_model.service_name
        call = f"{_SERVICES.get(service, service)}:{operation}"
        if call not in known and is_ours(sys._getframe(1)):
            raise UndocumentedCall(f"{call} is not in docs/aws-calls.md: say what a repetition of it does")
        return really(client, operation, arguments)

    BaseClient._make_api_call = watched  # type: ignore[method-assign]


def is_ours(frame: FrameType | None) -> bool:
    """Whether the nearest of our files on the stack is the product's, and not a test's."""
    while frame:
        if frame.f_code.co_filename.startswith(TESTS):
            return False
        if frame.f_code.co_filename.startswith(OURS):
            return True
        frame = frame.f_back
    return False
