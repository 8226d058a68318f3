"""Where flow runs keep what they return, so that it can be read from any machine.

The block is made before any flow runs: their task definition names it.
"""

from __future__ import annotations

from prefect.client.orchestration import PrefectClient
from prefect_aws import AwsCredentials, S3Bucket
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from deployments import names


class Results(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HIGHWATER_")

    artifacts_bucket: str = Field(description="bucket in whose folder results/ they are kept")


async def register(
    client: PrefectClient, results: Results, credentials: AwsCredentials | None = None
) -> None:
    """Without credentials each task uses its own role: none is stored."""
    await S3Bucket(
        bucket_name=results.artifacts_bucket,
        credentials=credentials or AwsCredentials(),
        bucket_folder=names.RESULTS_FOLDER,
    ).asave(names.RESULTS, overwrite=True, client=client)
