"""`cdk deploy --all -c environment=prod` starts here; `python app.py prod` synthesizes without the command line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from highwater_infra.account import account
from highwater_infra.environments import ENVIRONMENTS


def chosen() -> str:
    """The CDK command line hands its -c over in the environment."""
    context = json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}"))
    name = sys.argv[1] if len(sys.argv) > 1 else context.get("environment", "prod")
    if name not in ENVIRONMENTS:
        raise SystemExit(f"environment {name!r} is not one of {', '.join(ENVIRONMENTS)}")
    return str(name)


if __name__ == "__main__":
    here = Path(__file__).parent / ("cdk.out" if len(sys.argv) < 2 else f"cdk.out.{sys.argv[1]}")
    account(ENVIRONMENTS[chosen()], os.environ.get("CDK_OUTDIR", str(here))).app.synth()
