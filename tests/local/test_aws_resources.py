from __future__ import annotations

import io
import zipfile
from pathlib import Path

from local.aws_resources import packages_as_zip


def _sources(root: Path) -> Path:
    (root / "jobs" / "glue").mkdir(parents=True)
    (root / "jobs" / "__init__.py").write_text("")
    (root / "jobs" / "glue" / "curate.py").write_text("print('x')\n")
    (root / "jobs" / "__pycache__").mkdir()
    (root / "jobs" / "__pycache__" / "x.pyc").write_bytes(b"x")
    return root


def test_the_zip_holds_the_packages_sources_only(tmp_path: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(packages_as_zip(_sources(tmp_path), ("jobs",))))

    assert archive.namelist() == ["jobs/__init__.py", "jobs/glue/curate.py"]
    assert archive.read("jobs/glue/curate.py") == b"print('x')\n"


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first = packages_as_zip(_sources(tmp_path / "a"), ("jobs",))
    second = packages_as_zip(_sources(tmp_path / "b"), ("jobs",))

    assert first == second
