"""Files through Hadoop, by classes that every Spark 3.5.6 has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.glue import jvm
from jobs.glue.errors import DataError
from jobs.glue.storage import Storage

JOBS = Path(__file__).parents[2] / "jobs"
SOURCES = {path.relative_to(JOBS).as_posix(): path.read_text() for path in JOBS.rglob("*.py")}


def test_no_copy_of_a_library_that_only_some_builds_of_hadoop_carry() -> None:
    assert [name for name, text in SOURCES.items() if "shaded" in text] == []


def test_java_classes_are_named_in_one_place() -> None:
    """`spark._jvm` is the way to any class; `_jsc` gives the Hadoop configuration that Spark runs with."""
    assert [name for name, text in SOURCES.items() if "_jvm" in text] == ["glue/jvm.py"]
    elsewhere = {
        name: re.findall(r"\b(?:org\.apache|java\.\w+)\.\w+", text)
        for name, text in SOURCES.items()
        if name != "glue/jvm.py"
    }
    assert {name: found for name, found in elsewhere.items() if found} == {}


def test_each_class_is_there_and_no_other_is_given(spark: SparkSession) -> None:
    for name in jvm.CLASSES:
        assert jvm.java_class(spark, name)._fqn == name
    with pytest.raises(ValueError, match=r"java\.lang\.Runtime is not among"):
        jvm.java_class(spark, "java.lang.Runtime")


@pytest.mark.parametrize("text", ["", "{}", "क्षेत्र ✓ ü\n" * 100_000], ids=["empty", "short", "3 MB"])
def test_a_text_is_read_as_it_was_written(spark: SparkSession, tmp_path: Path, text: str) -> None:
    storage = Storage(spark)
    path = f"file://{tmp_path}/manifest.json"
    storage.write_text(path, "an earlier one that is longer than the shortest of these")
    storage.write_text(path, text)
    assert storage.read_text(path) == text
    assert (tmp_path / "manifest.json").read_bytes() == text.encode()


def test_a_file_that_is_not_there_is_said(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json does not exist"):
        Storage(spark).read_text(f"file://{tmp_path}/absent.json")
