"""What the pre-commit hook and `make secrets` refuse, by the real finder and our baseline."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# In two parts, so that this file is not refused itself.
KEYS = {"AWS": 'key = "AKIA' + 'QYLPMN5HHHFPZAM2"', "PEM": "-----BEGIN " + "PRIVATE KEY-----\nMIIB\n"}
KNOWN = "tests/tasks/test_hashes.py"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name in ("audit/secrets.sh", "audit/secrets.baseline", KNOWN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv-audit").symlink_to(ROOT / ".venv-audit")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def _refused(repository: Path, name: str) -> str:
    done = subprocess.run(
        [repository / "audit" / "secrets.sh", name], cwd=repository, capture_output=True, text=True
    )
    assert (done.returncode != 0) is bool(done.stdout)
    return done.stdout


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_refused(repository: Path, key: str) -> None:
    (repository / "new.py").write_text(KEYS[key])
    assert "Location:    new.py:1" in _refused(repository, "new.py")


def test_what_only_looks_like_one_is_known_also_on_another_line(repository: Path) -> None:
    assert _refused(repository, KNOWN) == ""
    (repository / KNOWN).write_text("\n\n" + (repository / KNOWN).read_text())
    before = (repository / "audit" / "secrets.baseline").read_bytes()
    assert _refused(repository, KNOWN) == ""
    assert (repository / "audit" / "secrets.baseline").read_bytes() == before
