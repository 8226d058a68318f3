"""A rehearsal of what no commit has would be of another release than the one that follows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.rehearsal import __main__ as command


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "checkout"
    place.mkdir()
    (place / "known").write_text("as committed")
    as_somebody = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    for arguments in (("init", "-q"), ("add", "-A"), (*as_somebody, "commit", "-qm", "first")):
        subprocess.run(["git", *arguments], cwd=place, check=True)
    monkeypatch.setattr(command, "REPOSITORY", place)
    monkeypatch.setattr(command, "NEEDED", ("git",))
    monkeypatch.setattr(command, "_alone", lambda _: 7)
    monkeypatch.setattr(sys, "argv", ["rehearsal", "--state", str(tmp_path / "state")])
    return place


@pytest.mark.parametrize("changed", ["known", "unknown"])
def test_a_checkout_with_changes_is_refused_before_anything_starts(
    checkout: Path, capsys: pytest.CaptureFixture[str], changed: str
) -> None:
    (checkout / changed).write_text("changed")
    assert command.main() == 1
    told = capsys.readouterr().err
    assert "commit these first" in told
    assert told.rstrip().endswith(changed)
    assert not (checkout.parent / "state").exists()


def test_a_clean_checkout_is_rehearsed(checkout: Path) -> None:
    assert command.main() == 7
