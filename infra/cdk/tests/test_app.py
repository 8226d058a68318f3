"""Which environment is deployed is said, never assumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from highwater_infra.snapshot import HOME


@pytest.mark.parametrize("context", [{}, {"environment": ""}, {"environment": "production"}])
def test_without_an_environment_nothing_is_synthesized(context: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=HOME,
        env=os.environ | {"CDK_CONTEXT_JSON": json.dumps(context)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("name one of dev, staging, prod, private")


def test_the_command_line_brings_no_environment_of_its_own() -> None:
    assert "context" not in json.loads((HOME / "cdk.json").read_text())
