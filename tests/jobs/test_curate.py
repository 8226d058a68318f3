"""The job as Glue starts it: a script, its packages in a zip, its inputs by address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pyspark
import pytest

import jobs
from jobs.glue.errors import CurationFailed, DataError
from jobs.glue.storage import Storage
from local.aws import class_archive, s3_on_disk
from local.aws.spark_conf import SparkTuning

pytestmark = pytest.mark.spark

ROOT = Path(jobs.__file__).parents[1]
JAN_5 = date(2025, 1, 5)


def packaged(target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for package in ("contracts", "jobs"):
            for path in (ROOT / package).rglob("*.py"):
                archive.write(path, path.relative_to(ROOT))
    return target


def bucket(lake: Any) -> str:
    return f"s3://{lake.folder.name}"


def submit(lake: Any, tmp_path: Path, manifest: str) -> subprocess.CompletedProcess[str]:
    """s3:// is a folder, as for the local Glue: the script does not know."""
    settings = {
        "spark.master": "local[1]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f"{class_archive.options()} {SparkTuning().java_options}",
        **s3_on_disk.settings(lake.folder.parent),
    }
    command = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    command += ["--py-files", str(packaged(tmp_path / "highwater.zip")), str(ROOT / "jobs/glue/curate.py")]
    command += [
        "--JOB_NAME",
        "highwater-curate",
        "--manifest",
        manifest,
        "--figures",
        f"{bucket(lake)}/runs/abc",
        "--JOB_RUN_ID",
        "jr_1",
    ]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300)


def test_the_script_runs_by_itself_on_s3_addresses(lake: Any, line: Any, tmp_path: Path) -> None:
    entry = lake.deliver(
        JAN_5, [line("SO-1"), line("SO-1"), line("ünï/2"), line("SO-3", quantity=0)], "día 1.parquet"
    )
    entry["path"] = entry["path"].replace(f"file://{lake.folder}", bucket(lake))
    places = {
        "output": f"{bucket(lake)}/curated/sales/data/abc",
        "quarantine": f"{bucket(lake)}/quarantine/sales/data/abc",
        "staging": f"{bucket(lake)}/runs/staging/sales/abc",
    }
    work = {**lake.work("sales", [entry]), **places}
    (lake.folder / "manifest.json").write_text(json.dumps({"run_id": "r1", "datasets": [work]}))

    done = submit(lake, tmp_path, f"{bucket(lake)}/manifest.json")

    assert done.returncode == 0, done.stderr[-2000:]
    sales = json.loads((lake.folder / "runs/abc/jr_1/figures.json").read_text())["datasets"]["sales"]
    assert [sales[f"rows_{fate}"] for fate in ("raw", "published", "superseded", "quarantined")] == [
        4,
        2,
        1,
        1,
    ]
    output = lake.folder / "curated/sales/data/abc/jr_1"
    assert len(list(output.glob("published/*.parquet"))) == 1
    (refused,) = (lake.folder / "quarantine/sales/data/abc/jr_1").rglob("*.parquet")
    assert [row["order_id"] for row in pq.ParquetFile(refused).read().to_pylist()] == ["SO-3"]
    assert not (lake.folder / "runs/staging/sales/abc/jr_1").exists()
    assert '"dataset": "sales"' in done.stdout

    failed = submit(lake, tmp_path, f"{bucket(lake)}/none.json")

    assert failed.returncode != 0
    told = f"jobs.glue.errors.DataError: {bucket(lake)}/none.json does not exist"
    assert failed.stdout.splitlines()[-1] == told


def test_no_refused_row_is_ever_in_the_output_not_even_on_the_way(
    lake: Any, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The warehouse may read the output, and the older versions of what was deleted there."""
    monkeypatch.setattr(Storage, "remove", lambda *_: None)
    lines = [line("SO-1"), line("SO-1"), line("SO-2"), line("refused", quantity=0)]
    work = lake.work("sales", [lake.deliver(JAN_5, lines)])

    (sales,) = lake.curate(work)

    kept = {row["order_id"] for row in sales.rows("")}
    assert kept == {"SO-1", "SO-2"}
    assert [row["order_id"] for row in sales.rows("quarantined")] == ["refused"]
    aside = [row["kept_aside"] for row in _rows(sales.staging / "part/part=quarantined")]
    assert len(aside) == 1
    assert "refused" in aside[0]


def _rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in folder.rglob("*.parquet") for row in pq.ParquetFile(path).read().to_pylist()]


def test_a_file_that_changed_after_it_landed_stops_the_run(lake: Any, line: Any) -> None:
    entry = {**lake.deliver(JAN_5, [line()]), "rows": 2}
    with pytest.raises(DataError, match="sales: the files hold 1 rows, their footers said 2"):
        lake.curate(lake.work("sales", [entry]))


def test_a_damaged_file_is_named(lake: Any, line: Any) -> None:
    entry = lake.deliver(JAN_5, [line()])
    path = Path(entry["path"].removeprefix("file://"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CurationFailed, match=r"sales: .*part\.parquet"):
        lake.curate(lake.work("sales", [entry]))
