"""The local cloud's SageMaker behind the product's own clients: jobs that really run, and the ledger beside them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from moto.moto_api._internal.models import moto_api_backend

from local import resources
from local.aws.server import LocalAws
from local.aws_resources import create_table
from tasks.services import aws
from tests.tasks.conftest import CLIENTS

BUCKET = "highwater-artifacts"


@contextmanager
def local_sagemaker(state: Path) -> Iterator[LocalAws]:
    server = LocalAws(port=0, state=state, stop_grace=1.0)
    moto_api_backend.reset()  # what an earlier server of this process has left
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**server.environment, "NO_PROXY": "127.0.0.1"}.items():
                patch.setenv(name, value)
            _forget_clients()
            create_table(aws.dynamodb(), resources.LEDGER)
            aws.s3().create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
            )
            yield server
    finally:
        server.stop()
        _forget_clients()


def _forget_clients() -> None:
    for client in CLIENTS:
        client.cache_clear()


def put_source(files: Mapping[str, str]) -> str:
    """The address of an archive of source code."""
    tarred = io.BytesIO()
    with tarfile.open(fileobj=tarred, mode="w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    aws.s3().put_object(Bucket=BUCKET, Key="sourcedir.tar.gz", Body=tarred.getvalue())
    return f"s3://{BUCKET}/sourcedir.tar.gz"


def job_processes(server: LocalAws) -> list[psutil.Process]:
    """The processes of all its jobs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HIGHWATER_LOCAL_PROCESS", "").startswith(f"{server.state}:"):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
