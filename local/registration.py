"""`python -m local.registration`: register result storage, work pools and deployments with the Prefect server.

`up` starts one process for all of it, because each start of the `prefect` command takes seconds for imports.
"""

from __future__ import annotations

import asyncio
import sys

from prefect.cli import app as prefect_command
from prefect.client.orchestration import get_client
from prefect_aws import AwsClientParameters, AwsCredentials

from deployments import result_storage, work_pool
from deployments.result_storage import Results
from deployments.settings import Place
from local import resource_kinds, resources
from local.aws_resources import session
from local.ecs_resources import login_secret, network
from local.environment import environment
from local.settings import REPOSITORY, LocalSettings


async def register_result_storage(settings: LocalSettings) -> None:
    values = environment(settings)
    credentials = AwsCredentials(
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=resource_kinds.REGION,
        aws_client_parameters=AwsClientParameters(endpoint_url=settings.aws_url),
    )
    async with get_client() as client:
        results = Results(artifacts_bucket=resources.RESULTS.bucket.name)
        await result_storage.register(client, results, credentials)


async def register_work_pools(settings: LocalSettings) -> None:
    """Register the work pools, including the ECS pool, which has a worker only on request."""
    aws = session(settings)
    known = network(aws, settings.aws_url)
    place = Place(
        cluster=resources.CLUSTER,
        task_definition=resources.FLOW_RUN.family,
        subnets=known["HIGHWATER_SUBNETS"].split(","),
        security_groups=known["HIGHWATER_SECURITY_GROUPS"].split(","),
        prefect_api_auth_string_secret_arn=login_secret(aws, settings.aws_url),
    )
    async with get_client() as client:
        await work_pool.register_queues(client, resources.WORK_POOL.name)
        await work_pool.register_ecs(client, place)


async def register(settings: LocalSettings) -> None:
    await register_result_storage(settings)
    await register_work_pools(settings)


def deploy_all() -> None:
    if (REPOSITORY / "prefect.yaml").exists():
        sys.argv = ["prefect", "--no-prompt", "deploy", "--all"]
        prefect_command()


def main() -> None:
    settings = LocalSettings()
    asyncio.run(register(settings))
    deploy_all()


if __name__ == "__main__":
    main()
