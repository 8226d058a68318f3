"""What a command leaves lying about is said, wherever it lies. The commands run in a checkout of their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from local.settings import LocalSettings
from tests.rehearsal import logins
from tests.rehearsal.scene import Scene
from tests.rehearsal.shell import Shell

MAKE = "private=$(mktemp -d)"
KEPT = ("outputs.json", "worker.pub", "deploy.pub")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    checkout = tmp_path / "checkout"
    (checkout / ".local").mkdir(parents=True)
    (checkout / ".gitignore").write_text("*.log\n")
    (checkout / "old.txt").write_text("was there before")
    subprocess.run(["git", "init", "-q"], cwd=checkout, check=True)
    (tmp_path / "tmp").mkdir()
    surroundings = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "tmp")}
    shell = Shell(checkout, surroundings, tmp_path / "scratch")
    opened = Scene(LocalSettings(state=tmp_path), shell, MagicMock(), {})
    logins.tell_place(opened, MAKE)
    opened.run(f"touch {' '.join(f'$private/{name}' for name in KEPT)}")
    yield opened
    shell.close()


def test_what_was_there_and_what_programs_leave_is_nobodys_secret(scene: Scene) -> None:
    scene.run(
        "touch .local/state && mkdir -p a/__pycache__ .ruff_cache && touch a/__pycache__/x .ruff_cache/y"
    )
    assert logins.leave_nothing(scene, 'rm -r "$private"').startswith("the folder is gone")


@pytest.mark.parametrize("left", ["worker.p8", "login.json", "key.log", "infra/cdk/outputs.json"])
def test_a_file_in_the_checkout_is_found_whatever_its_name(scene: Scene, left: str) -> None:
    scene.run(f"mkdir -p $(dirname {left}) && touch {left}")
    with pytest.raises(AssertionError, match=f"left behind: {left}$"):
        logins.leave_nothing(scene, 'rm -r "$private"')


def test_the_folder_that_stays_is_found(scene: Scene) -> None:
    with pytest.raises(AssertionError, match=r"left behind: .*/worker\.pub"):
        logins.leave_nothing(scene, "true")


def test_private_keys_are_gone_and_public_ones_are_not(scene: Scene) -> None:
    scene.run('touch "$private/worker.p8"')
    assert (
        logins.forget_keys(scene, 'shred -u "$private/worker.p8"')
        == "left: deploy.pub, outputs.json, worker.pub"
    )


@pytest.mark.parametrize("command", ['touch "$private/.deploy.p8"', 'rm "$private/worker.pub"'])
def test_another_file_that_is_left_or_lacking_is_said(scene: Scene, command: str) -> None:
    with pytest.raises(AssertionError, match="private keys and logins are to be gone, and no more"):
        logins.forget_keys(scene, command)
