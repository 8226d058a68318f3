"""Settings of a local cloud that is nobody else's: own state directory, own ports."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local.settings import LocalSettings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    return LocalSettings(
        state=tmp_path / "state",
        prefect_port=free_port(),
        aws_port=free_port(),
        snowflake_port=free_port(),
        listener_port=free_port(),
        start_timeout=10,
        stop_grace=2,
    )
