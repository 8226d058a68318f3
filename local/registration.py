"""`python -m local.registration`: tells the Prefect server about result storage and deployments.

One process for all of it, started by `up`: every start of the `prefect` command costs seconds of imports.
"""

from __future__ import annotations

import sys

from prefect.cli import app as prefect_command
from prefect_aws import AwsClientParameters, AwsCredentials, S3Bucket

from local import resources
from local.environment import environment
from local.settings import REPOSITORY, LocalSettings


def register_result_storage(settings: LocalSettings) -> None:
    values = environment(settings)
    credentials = AwsCredentials(
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=resources.REGION,
        aws_client_parameters=AwsClientParameters(endpoint_url=settings.aws_url),
    )
    credentials.save(resources.RESULTS.credentials, overwrite=True)
    S3Bucket(
        bucket_name=resources.RESULTS.bucket.name,
        credentials=credentials,
        bucket_folder=resources.RESULTS.folder,
    ).save(resources.RESULTS.name, overwrite=True)


def deploy_all() -> None:
    if (REPOSITORY / "prefect.yaml").exists():
        sys.argv = ["prefect", "--no-prompt", "deploy", "--all"]
        prefect_command()


def main() -> None:
    register_result_storage(LocalSettings())
    deploy_all()


if __name__ == "__main__":
    main()
