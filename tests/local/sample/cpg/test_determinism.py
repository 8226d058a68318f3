from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from local.sample.__main__ import main
from local.sample.cpg import Profile, Truth, demo, small, truth, write
from local.sample.sinks import BucketSink, DirectorySink
from tests.local.sample.cpg.conftest import History, history_of


def digest(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def digests(history: History) -> dict[str, str]:
    return {key: digest(table) for key, table in history.files.items()}


def test_equal_profiles_give_equal_bytes(small_history: History) -> None:
    assert digests(history_of(small())) == digests(small_history)
    assert truth(small()) == small_history.truth


def test_another_seed_gives_other_data(small_history: History) -> None:
    other = digests(history_of(small(seed=8)))
    same = [key for key, value in digests(small_history).items() if other.get(key) == value]
    assert [key for key in same if "/masters/" not in key] == []


def test_a_later_end_leaves_earlier_days_as_they_were(small_history: History) -> None:
    profile = small_history.profile
    longer = Profile(**{**vars(profile), "end": profile.end + timedelta(days=10)})
    later = digests(history_of(longer))
    assert {key: later.get(key) for key in small_history.files} == digests(small_history)


def test_an_earlier_start_leaves_stock_and_calendar_as_they_were(small_history: History) -> None:
    """Sales files too, except that corrections of the days before the start come into them."""
    profile = small_history.profile
    longer = history_of(Profile(**{**vars(profile), "start": profile.start - timedelta(weeks=30)}))
    later, here = digests(longer), digests(small_history)
    for prefix in ("raw/trade_promotions/", "raw/nielsen/", "raw/sap/masters/"):
        assert {key: later[key] for key in small_history.under(prefix)} == {
            key: here[key] for key in small_history.under(prefix)
        }
    settled = [key for key in small_history.under("raw/sap/sales_orders/") if "year=2025" in key]
    assert {key: later[key] for key in settled} == {key: here[key] for key in settled}


def test_the_written_tree_is_the_generated_one(small_history: History, tmp_path: Path) -> None:
    written = write(small(), DirectorySink(tmp_path / "lake"), cache=tmp_path / "cache")
    assert written.files == len(small_history.files)
    assert written.truth == small_history.truth
    for key, table in small_history.files.items():
        assert pq.read_table(tmp_path / "lake" / key, partitioning=None).equals(table)


def test_the_second_write_comes_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(small(), DirectorySink(tmp_path / "one"), cache=tmp_path / "cache")

    def generated_again(profile: Profile) -> None:
        raise AssertionError(f"{profile} was generated again")

    monkeypatch.setattr("local.sample.cpg.files.generate_with_truth", generated_again)
    assert write(small(), DirectorySink(tmp_path / "two"), cache=tmp_path / "cache") == first
    assert [path.name[:7] for path in (tmp_path / "cache").iterdir()] == ["sample-"]


def test_a_bucket_gets_every_file_as_it_is_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_history: History
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="ap-south-1")
        client.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
        written = write(small(), BucketSink("lake", client), cache=tmp_path)
        keys = [found["Key"] for found in client.list_objects_v2(Bucket="lake")["Contents"]]
        one = client.get_object(Bucket="lake", Key=keys[0])["Body"].read()
    assert written.files == len(keys)
    assert set(keys) == set(small_history.files)
    assert pq.read_table(pa.BufferReader(one)).equals(small_history.files[keys[0]])


def test_an_interrupted_generation_leaves_no_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", broken)
    with pytest.raises(OSError, match="disk full"):
        write(small(), DirectorySink(tmp_path / "one"), cache=tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_truth_survives_its_file(small_history: History) -> None:
    assert Truth.from_json(small_history.truth.to_json()) == small_history.truth


def test_the_command_says_what_it_wrote(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    small_history: History,
) -> None:
    monkeypatch.setenv("HIGHWATER_LOCAL_STATE", str(tmp_path / "state"))
    assert main(["--end", "2025-01-12", "--profile", "small", "--dir", str(tmp_path / "lake")]) == 0
    rows = small_history.truth.rows("sales")
    assert f"{len(small_history.files)} files from 2024-12-02 to 2025-01-12" in (
        out := capsys.readouterr().out
    )
    assert f"{rows:,} sales lines" in out


def test_the_command_refuses_a_date_too_early(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--end", "2020-01-01", "--dir", str(tmp_path)])
    assert "the earliest possible is 2019-07-01" in capsys.readouterr().err
    assert demo(date(2022, 1, 1)).start >= date(2019, 7, 1)
