from __future__ import annotations

from pathlib import Path

import pytest

from deployments import glue_code


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name in glue_code.PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "module.py").write_text("a = 1\n")
    return tmp_path


@pytest.mark.parametrize("changed", ["contracts/module.py", "jobs/module.py", "jobs/new.py"])
def test_other_code_is_another_version(code: Path, changed: str) -> None:
    before = glue_code.version(code)
    (code / changed).write_text("a = 2\n")
    assert glue_code.version(code) != before


def test_what_glue_does_not_get_makes_no_other_version(code: Path) -> None:
    before = glue_code.version(code)
    (code / "jobs" / "pyproject.toml").write_text("[project]\n")
    (code / "tasks.py").write_text("a = 2\n")
    assert glue_code.version(code) == before
