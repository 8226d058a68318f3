"""`cdk deploy --all -c environment=prod` starts here; `python app.py prod` synthesizes into cdk.out without it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from highwater_infra.account import account
from highwater_infra.environments import ENVIRONMENTS


def chosen() -> str:
    """The CDK command line hands its -c over in the environment. Nothing is the default: it would be deployed by mistake."""
    context = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    name = sys.argv[1] if len(sys.argv) > 1 else context.get("environment", "")
    if name not in ENVIRONMENTS:
        raise SystemExit(f"-c environment={name}: name one of {', '.join(ENVIRONMENTS)}")
    return str(name)


if __name__ == "__main__":
    environment = ENVIRONMENTS[chosen()]
    here = Path(__file__).parent / (
        "cdk.out" if environment.name == "prod" else f"cdk.out.{environment.name}"
    )
    account(environment, os.environ.get("CDK_OUTDIR", str(here))).app.synth()
