"""`python -m deployments register` tells the Prefect server; `worker` does so and becomes the ECS worker.

The second is what the worker's service runs, so that `cdk deploy` is enough for the work pool to be there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from prefect.client.orchestration import get_client
from pydantic import ValidationError

from deployments import work_pool
from deployments.settings import POOL, Place


async def register(place: Place) -> None:
    async with get_client() as client:
        await work_pool.register_ecs(client, place)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deployments", description=__doc__)
    parser.add_argument("command", choices=("register", "worker"))
    command = parser.parse_args().command
    try:
        asyncio.run(register(Place()))  # type: ignore[call-arg]
    except ValidationError as error:
        print(f"the place of the flow runs is not described: {error}", file=sys.stderr)
        return 2
    if command == "worker":
        os.execvp(  # noqa: S606 - the worker gets this process, and with it the container's signals
            sys.executable,
            [
                *(sys.executable, "-m", "prefect", "--no-prompt", "worker", "start"),
                *("--pool", POOL, "--type", "ecs", "--with-healthcheck", "--install-policy", "never"),
            ],
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
