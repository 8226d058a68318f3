"""The ECS work pool, made from its template and the place that the stacks name; its queues by priority.

Repeated at every start of the worker's service, so that a changed template or network arrives with the next release.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists

from deployments import names
from deployments.settings import Place

TEMPLATE = Path(__file__).parent / f"{names.WORK_POOL}.json"
# A queue for each deployment, of its name: the first that waits gets the next free place of a full pool. `default` is the
# queue that every pool has, for what people start by hand.
QUEUES = (
    "crash-recovery",
    "late-run",
    "cpg-daily",
    "retail-inbox",
    "marketing-engagement",
    "snowflake-medallion",
    "snowflake-replay",
    "snowflake-rewind",
    "snowflake-reconcile",
    "demand-forecast",
    "customer-churn",
    "cpg-replay",
    "default",
    "model-drift",
    "cpg-backfill",
    "lake-maintenance",
    "lake-monitor",
)
UNLIMITED = "default"
# Counted by the server from the states of the runs, so it holds after a restart of the server or of a worker too.
RUNS_A_QUEUE = 1
# Without a limit a pool is never full, and priorities mean nothing. A vCPU each, of the 10 that a new account has.
RUNS_AT_ONCE = 4


def base_job_template(place: Place) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(TEMPLATE.read_text())
    properties = template["variables"]["properties"]
    for name, value in place.model_dump(exclude_none=True).items():
        properties[name]["default"] = value
    del template["variables"]["required"]  # the defaults answer it
    return template


async def register_ecs(client: PrefectClient, place: Place) -> None:
    await client.create_work_pool(
        WorkPoolCreate(
            name=names.WORK_POOL,
            type="ecs",
            description=f"Flow runs as Fargate tasks of the family {names.FLOW_RUN}.",
            base_job_template=base_job_template(place),
        ),
        overwrite=True,
    )
    await register_queues(client, names.WORK_POOL)


async def register_queues(client: PrefectClient, pool: str) -> None:
    """How many runs the pool takes at once, and its queues. Raises ObjectNotFound where there is no such pool."""
    await client.update_work_pool(pool, WorkPoolUpdate(concurrency_limit=RUNS_AT_ONCE))
    for priority, name in enumerate(QUEUES, start=1):
        limit = None if name == UNLIMITED else RUNS_A_QUEUE
        try:
            await client.create_work_queue(
                name=name, priority=priority, concurrency_limit=limit, work_pool_name=pool
            )
        except ObjectAlreadyExists:
            queue = await client.read_work_queue_by_name(name, work_pool_name=pool)
            await client.update_work_queue(queue.id, name=name, priority=priority, concurrency_limit=limit)
