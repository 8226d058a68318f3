"""One Spark session for every fast test that needs one: starting a JVM is the slowest thing they do."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

if "CI" not in os.environ:  # hypothesis has a profile of its own for CI, without deadlines too
    settings.register_profile("busy machine", deadline=None)
    settings.load_profile("busy machine")


# tests/side_by_side.sh looks for them only there, so that none of its parts imports what it does not run.
PLACES = {
    "spark": ("tests/bench/", "tests/contracts/", "tests/jobs/"),
    "e2e": ("tests/deployments/", "tests/docker/", "tests/e2e/", "tests/local/", "tests/warehouse/"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = next((name for name in ("e2e", "spark") if item.get_closest_marker(name)), None)
        if mark and not item.nodeid.startswith(PLACES[mark]):
            raise pytest.UsageError(f"{item.nodeid}: tests marked {mark} are in {', '.join(PLACES[mark])}")


def pytest_collection_finish() -> None:
    """What was imported stays until the end: no collection need look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession

    from local.aws import class_archive, s3_on_disk

    java_options = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -Duser.timezone=UTC"
    session = (
        SparkSession.builder.master("local[2]")
        .appName("tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "1g")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .config("spark.driver.extraJavaOptions", f"{class_archive.options()} {java_options}")
        .config("spark.driver.extraClassPath", str(s3_on_disk.jar()))  # an archive is of one class path
        .config("spark.ui.showConsoleProgress", "false")
        # On a few rows, compiling generated code takes a third of the time. Glue runs in tests/e2e and the jobs that
        # tests/jobs/test_curate.py submits do run it.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.sql.maxPlanStringLength", "100")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
