"""What is there before a deployment: an AWS account, a Snowflake account and a Prefect server, each with nothing in it."""

from __future__ import annotations

import threading

from local import resources
from local.cloud import declared_parts
from local.part import Part
from local.ports import refuse_taken_ports
from local.prefect_database import keep_template, use_template
from local.snowflake_resources import create_database
from local.sql import connect
from local.steps import Step, run
from tests.rehearsal.scene import UNIQUE, Scene

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


def create_warehouse(scene: Scene) -> str:
    """What part 1 of snowflake.sql says of the database, and the address of this Snowflake in the flows' login."""
    create_database(scene.settings)
    login = scene.secret(resources.SNOWFLAKE_SECRET.name)
    here = {
        "host": "127.0.0.1",
        "port": scene.settings.snowflake_port,
        "protocol": "http",
        "socket_timeout": 900,
    }
    scene.put_secret(resources.SNOWFLAKE_SECRET.name, {**login, "database": resources.WAREHOUSE.name, **here})
    return f"database {scene.one('SELECT CURRENT_DATABASE()')}, asked with the login that the secret has"


def create_stage(scene: Scene) -> str:
    """As part 3 of snowflake.sql, without the integration."""
    bucket = f"{resources.LAKE.name}{UNIQUE}"
    (stage,) = resources.WAREHOUSE.stages
    with connect(scene.settings) as connection:
        connection.cursor().execute(f"CREATE STAGE IF NOT EXISTS {stage.name} URL = 's3://{bucket}/'")
    return f"stage {stage.name} on s3://{bucket}/"
