"""The source that SageMaker is given: whole, of one model only, and the same address for the same code."""

from __future__ import annotations

import ast
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.churn import churn_training
from tasks.forecast import forecast_jobs
from tasks.models import model_code
from tasks.models.model_code import Package
from tasks.services import aws

OURS = ("jobs", "contracts", "tasks", "flows", "warehouse")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a package and another one inside it."""
    for name, text in {
        "jobs/__init__.py": "",
        "jobs/columns.py": "A = 1",
        "jobs/model/__init__.py": "",
        "jobs/model/train.py": "from jobs.columns import A",
        "jobs/model/inner/__init__.py": "",
        "jobs/model/inner/train.py": "from jobs.model import train",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(model_code, "ROOT", tmp_path)
    return tmp_path


OUTER = Package("jobs/model", ("train.py",), ("jobs/__init__.py", "jobs/columns.py"))
INNER = Package("jobs/model/inner", ("train.py",), ("jobs/__init__.py", "jobs/model/__init__.py"))


def test_programs_are_on_top_and_their_package_below_as_in_the_repository(repository: Path) -> None:
    assert model_code.source(OUTER) == {
        "train.py": b"from jobs.columns import A",
        "jobs/__init__.py": b"",
        "jobs/columns.py": b"A = 1",
        "jobs/model/__init__.py": b"",
        "jobs/model/train.py": b"from jobs.columns import A",
    }


def test_a_package_inside_another_is_a_model_of_its_own(repository: Path) -> None:
    assert model_code.source(INNER).keys() == {
        *("train.py", "jobs/__init__.py", "jobs/model/__init__.py"),
        *("jobs/model/inner/__init__.py", "jobs/model/inner/train.py"),
    }
    assert model_code.source(INNER)["train.py"] == b"from jobs.model import train"
    before = model_code.source(OUTER)
    (repository / "jobs/model/inner/train.py").write_text("changed")
    assert model_code.source(OUTER) == before


def bucket() -> None:
    aws.s3().create_bucket(
        Bucket="highwater-artifacts", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"}
    )


@pytest.fixture
def shipped(account: None) -> Iterator[None]:
    bucket()
    model_code.ship.cache_clear()
    yield
    model_code.ship.cache_clear()


@pytest.mark.usefixtures("shipped")
def test_the_archive_and_the_folder_have_the_same_files_and_a_second_time_the_same_address() -> None:
    code = model_code.ship(forecast_jobs.PACKAGE)
    name, key = aws.split(code.archive)
    body = aws.s3().get_object(Bucket=name, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        names = set(archive.getnames())
    assert {
        *forecast_jobs.PACKAGE.programs,
        *forecast_jobs.PACKAGE.shared,
        "jobs/sagemaker/panel.py",
    } <= names
    assert not [found for found in names if found.startswith("jobs/sagemaker/churn")]
    name, prefix = aws.split(code.folder)
    found = aws.s3().list_objects_v2(Bucket=name, Prefix=prefix)["Contents"]
    assert {item["Key"].removeprefix(prefix) for item in found} == names
    model_code.ship.cache_clear()
    assert model_code.ship(forecast_jobs.PACKAGE) == code


@pytest.mark.usefixtures("shipped")
def test_two_models_have_two_addresses(repository: Path) -> None:
    outer, inner = model_code.ship(OUTER), model_code.ship(INNER)
    assert outer.version != inner.version
    assert outer.archive == f"s3://highwater-artifacts/sagemaker/code/{outer.version}/sourcedir.tar.gz"


def test_the_same_files_are_the_same_bytes() -> None:
    files = {"b.py": b"2", "a.py": b"1"}
    assert model_code.archive(files) == model_code.archive(dict(reversed(files.items())))


@pytest.mark.parametrize("package", [forecast_jobs.PACKAGE, churn_training.PACKAGE], ids=lambda p: p.folder)
def test_whatever_is_imported_is_shipped(package: Package) -> None:
    files = model_code.source(package)
    missing = {
        (name, imported)
        for name, body in files.items()
        for imported in ours(ast.parse(body))
        if not {f"{imported}.py", f"{imported}/__init__.py"} & files.keys()
    }
    assert missing == set()


def ours(tree: ast.Module) -> Iterator[str]:
    """The modules of this repository that a module imports, as paths. `from a import b` may take b from a, or be a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (as_path(alias.name) for alias in node.names if is_ours(alias.name))
        if isinstance(node, ast.ImportFrom) and node.module and is_ours(node.module):
            yield as_path(node.module)
            inside = [as_path(f"{node.module}.{alias.name}") for alias in node.names]
            yield from (path for path in inside if (model_code.ROOT / f"{path}.py").exists())


def as_path(module: str) -> str:
    return module.replace(".", "/")


def is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS
