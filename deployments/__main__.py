"""`python -m deployments register` tells the Prefect server of the ECS pool and of the block for results; `worker` does so
and becomes the pool's worker.

`worker` is what the worker's service runs, so that `cdk deploy` is enough for the work pool to be there. `queues` is what
`make deploy` runs: the queues of a pool that exists, before deployments name them. `redrive` puts the inbox's dead letters
back into its queue.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from deployments import inbox_queue, names, result_storage, work_pool
from deployments.result_storage import Results
from deployments.settings import Place
from tasks.errors import HighwaterError


async def register(place: Place, results: Results) -> None:
    async with get_client() as client:
        await result_storage.register(client, results)
        await work_pool.register_ecs(client, place)


async def register_queues(pool: str) -> None:
    async with get_client() as client:
        await work_pool.register_queues(client, pool)


def worker_command() -> list[str]:
    """Of all queues of the pool: none is named."""
    return [
        *(sys.executable, "-m", "deployments.worker", "--no-prompt", "worker", "start"),
        *("--pool", names.WORK_POOL, "--type", "ecs", "--with-healthcheck", "--install-policy", "never"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments", description=__doc__)
    parser.add_argument("command", choices=("register", "worker", "queues", "redrive"))
    command = parser.parse_args().command
    if command == "redrive":
        return _redrive()
    if command == "queues":
        return _queues(os.environ.get("HIGHWATER_WORK_POOL", names.WORK_POOL))
    try:
        asyncio.run(register(Place(), Results()))  # type: ignore[call-arg]
    except ValidationError as error:
        print(f"the place of the flow runs is not described: {error}", file=sys.stderr)
        return 2
    if command == "worker":
        # The worker gets this process, and with it the container's signals.
        os.execvp(sys.executable, worker_command())  # noqa: S606
    return 0


def _redrive() -> int:
    try:
        number = inbox_queue.redrive()
    except HighwaterError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{number} dead letters are back in {names.INBOX_EVENTS}")
    return 0


def _queues(pool: str) -> int:
    try:
        asyncio.run(register_queues(pool))
    except ObjectNotFound:
        print(
            f"the Prefect server knows no work pool {pool}: its worker makes it when it starts (docs/deploy.md), or is "
            "PREFECT_API_URL another server?",
            file=sys.stderr,
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
