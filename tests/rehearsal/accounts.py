"""What is there before a deployment: an AWS account, a Snowflake account and a Prefect server, each with nothing in it."""

from __future__ import annotations

import threading

from local.cloud import declared_parts
from local.part import Part
from local.ports import refuse_taken_ports
from local.prefect_database import keep_template, use_template
from local.steps import Step, run
from tests.rehearsal.scene import Scene

SERVERS = ("aws", "snowflake", "prefect")


def open_them(scene: Scene) -> str:
    parts = [part for part in declared_parts(scene.settings) if part.name in SERVERS]
    refuse_taken_ports(parts)
    use_template(scene.settings)
    run([Step(part.name, lambda cancelled, part=part: _start(scene, part, cancelled)) for part in parts])
    keep_template(scene.settings)
    buckets = scene.aws("s3").list_buckets()["Buckets"]
    return f"{', '.join(f'{part.name} on {part.address}' for part in parts)}; {len(buckets)} buckets"


def _start(scene: Scene, part: Part, cancelled: threading.Event) -> None:
    scene.supervisor.start(part, cancelled)
