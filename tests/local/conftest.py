"""Settings of a local cloud that is nobody else's: own state directory, own ports."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.settings import LocalSettings
from tests.free_port import free_port


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
