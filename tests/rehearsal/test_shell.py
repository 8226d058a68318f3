"""The one shell of all commands."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rehearsal.shell import CommandFailed, Shell


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path, {"PATH": os.environ["PATH"]}, tmp_path / "scratch")
    yield opened
    opened.close()


def test_what_one_command_sets_the_next_one_has(shell: Shell) -> None:
    shell.run("export REGION=ap-south-1", 10)
    shell.run('say() { echo "in $REGION: $*"; }', 10)
    assert shell.run("say a b", 10) == "in ap-south-1: a b"


def test_a_document_is_the_commands_input_and_nobody_waits_for_a_person(shell: Shell) -> None:
    assert shell.run('cat - <<\'END\'\n{"a": "$x"}\nEND', 10) == '{"a": "$x"}'
    assert shell.run("cat", 10) == ""


def test_a_failure_says_what_was_written(shell: Shell) -> None:
    with pytest.raises(
        CommandFailed, match="exit code 1 of\n  echo no such bucket && false\n    no such bucket"
    ):
        shell.run("echo no such bucket && false", 10)
    with pytest.raises(CommandFailed, match="exit code 3"):
        shell.run("(exit 3) | cat", 10)
    assert shell.try_to_run("(exit 4)", 10) == (4, "")


def test_what_takes_too_long_is_ended(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match=r"not within 0 s, or it ended the shell:\n  sleep 60"):
        shell.run("sleep 60", 0.3)
    with pytest.raises(CommandFailed, match="it ended the shell"):
        Shell(Path.cwd(), {"PATH": os.environ["PATH"]}, shell._script.parent).run("exit 0", 10)


def test_a_variable_that_no_command_has_set_is_a_failure(shell: Shell) -> None:
    with pytest.raises(CommandFailed, match="private: unbound variable"):
        shell.run('ls "$private/outputs.json"', 10)
