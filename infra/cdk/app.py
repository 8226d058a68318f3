"""`cdk deploy --all -c environment=prod` starts here; `python app.py` synthesizes without the command line."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App
from highwater_infra.account import build
from highwater_infra.environments import ENVIRONMENTS

app = App(outdir=str(Path(__file__).parent / "cdk.out"))
build(app, ENVIRONMENTS[app.node.try_get_context("environment") or "prod"])
app.synth()
