from __future__ import annotations

from pathlib import Path

import pytest
from highwater_infra.snapshot import HOME, SNAPSHOTS, snapshots, templates


def test_the_templates_are_those_that_were_reviewed() -> None:
    """`make -C infra/cdk snapshots` writes new ones: their diff is what a reviewer reads."""
    now = snapshots(HOME / "cdk.out", HOME / "cdk.out.private")
    reviewed = {path.stem: path.read_text() for path in SNAPSHOTS.glob("*.yaml")}
    assert sorted(now) == sorted(reviewed)
    for name, text in now.items():
        assert text == reviewed[name], f"{name} has changed"


def test_another_synthesis_of_the_same_commit_is_the_same(
    prod: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = next(Path(tmp_path_factory.getbasetemp()).glob("prod*"))
    assert templates(directory) == templates(HOME / "cdk.out")
