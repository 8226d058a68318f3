from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from local.cloud import declared_parts, up
from local.ports import PortTaken
from local.settings import LocalSettings


@pytest.fixture
def taken(settings: LocalSettings) -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", settings.snowflake_port))
        listener.listen()
        yield settings.snowflake_port


def test_a_taken_port_is_refused_before_anything_starts(settings: LocalSettings, taken: int) -> None:
    with pytest.raises(PortTaken) as refusal:
        up(settings)

    message = str(refusal.value)
    assert f"port {taken}, which snowflake needs, is taken by process {os.getpid()}" in message
    assert "set HIGHWATER_LOCAL_SNOWFLAKE_PORT to a free port" in message
    assert "Nothing was started." in message
    assert not list(settings.run.glob("*.pid"))
    assert not list(settings.logs.glob("*.log"))


def test_every_part_with_a_port_names_the_setting_that_moves_it(settings: LocalSettings) -> None:
    for part in declared_parts(settings):
        if part.port is not None:
            field = part.port_setting.removeprefix("HIGHWATER_LOCAL_").lower()
            assert getattr(settings, field) == part.port


def test_the_listener_of_the_inbox_can_be_left_out(settings: LocalSettings) -> None:
    without = settings.model_copy(update={"inbox_listener": False})
    names = [[part.name for part in declared_parts(each)] for each in (settings, without)]
    assert names == [
        ["aws", "snowflake", "prefect", "worker", "inbox-listener"],
        ["aws", "snowflake", "prefect", "worker"],
    ]
