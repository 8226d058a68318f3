"""Every step runs the page's command, and no other in its place. The shell notes it; no service is asked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from local import resources
from local.settings import LocalSettings
from tests.rehearsal.entry import Entry
from tests.rehearsal.page import PLACEHOLDER, assigned, commands_on, filled
from tests.rehearsal.plan import PLAN
from tests.rehearsal.scene import Scene

COMMANDS = assigned(commands_on(), PLAN)
STEPS = [entry for entry in PLAN if entry.begins and entry.act]


class Arrived(Exception):
    """The command reached the shell: what the step looks at afterwards is not asked of anybody."""


@dataclass
class Listening:
    """In place of the shell."""

    command: str
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, _: float) -> str:
        self.ran.append(command)
        if self.command in command:
            raise Arrived
        return '{"held": {}, "left_out": {}}'  # of what a step prepares

    def try_to_run(self, command: str, seconds: float) -> tuple[int, str]:
        return 0, self.run(command, seconds)


class Deaf(Scene):
    """Its services answer whatever they are asked with nothing."""

    def aws(self, service: str) -> Any:
        return MagicMock()


@pytest.mark.parametrize("entry", STEPS, ids=[entry.title for entry in STEPS])
def test_a_step_runs_the_command_of_the_page(entry: Entry, tmp_path: Path) -> None:
    (command,) = COMMANDS[entry.begins]
    values = {name: f"of-{name}" for name in PLACEHOLDER.findall(command)} | {"user": resources.ADMINISTRATOR}
    shell = Listening(filled(command, values))
    noted: dict[str, Any] = defaultdict(dict)
    scene = Deaf(LocalSettings(state=tmp_path), shell, MagicMock(), values, noted)  # type: ignore[arg-type]
    assert entry.act
    with pytest.raises(Arrived):
        entry.act(scene, command)
    assert shell.command in shell.ran[-1]
