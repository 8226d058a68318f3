"""Packed files: unpacked whole, or refused with the reason."""

from __future__ import annotations

import gzip
import shutil
import zipfile
from pathlib import Path

import pytest

from tasks.delimited.unpacking import Limits, unpacked
from tasks.errors import DataError, SystemFault

TEXT = b"a,b\n" + b"1,2\n" * 5_000


def unpack(path: Path, limits: Limits | None = None) -> tuple[bytes, str]:
    with unpacked(path, limits) as (plain, packing):
        return plain.read_bytes(), packing


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_plain_text_stays_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"  # the name does not decide
    path.write_bytes(TEXT)
    with unpacked(path) as (plain, packing):
        assert (plain, packing) == (path, "")


def test_gzip_and_concatenated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(gzip.compress(TEXT))
    assert unpack(path) == (TEXT, "gzip")
    path.write_bytes(gzip.compress(TEXT) + gzip.compress(b"3,4\n"))
    assert unpack(path) == (TEXT + b"3,4\n", "gzip")


def test_the_scratch_file_goes_away(tmp_path: Path) -> None:
    path, scratch = tmp_path / "sales.csv.gz", tmp_path / "scratch"
    path.write_bytes(gzip.compress(TEXT))
    scratch.mkdir()
    with unpacked(path, scratch=scratch) as (plain, _):
        assert plain.parent == scratch
    assert list(scratch.iterdir()) == []


def test_a_full_scratch_disk_is_the_workers_fault_not_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, disk = tmp_path / "sales.csv.gz", shutil.disk_usage(tmp_path)
    path.write_bytes(gzip.compress(TEXT))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk._replace(free=len(TEXT) - 1))
    with pytest.raises(SystemFault, match="more than the 20,003 bytes that are free in"):
        unpack(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk._replace(free=len(TEXT)))
    assert unpack(path) == (TEXT, "gzip")


@pytest.mark.parametrize("kept", [12, 40, -9, -4, -1])
def test_a_gzip_that_is_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(TEXT)[:kept])
    with pytest.raises(DataError, match=r"sales\.csv\.gz: the gzip is cut off"):
        unpack(path)


def test_a_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"
    content = bytearray(gzip.compress(TEXT))
    content[-6] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="the gzip is damaged"):
        unpack(path)


def test_a_zip_of_one_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "sales.zip", {"out/sales.csv": TEXT, "__MACOSX/out/._sales.csv": b"shadow"})
    assert unpack(path) == (TEXT, "zip")


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"a.csv": TEXT, "b.csv": TEXT}, r"holds 2 files \(a\.csv, b\.csv\)"),
        ({}, r"holds 0 files \(none\)"),
        ({"../../etc/passwd": TEXT}, "a path out of its folder"),
        ({"/etc/passwd": TEXT}, "a path out of its folder"),
        ({"C:\\sales.csv": TEXT}, "a path out of its folder"),
        ({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}, "an Excel or Word document"),
        ({"sales.csv.gz": gzip.compress(TEXT)}, "inside the zip is another gzip"),
    ],
)
def test_other_zips_are_refused(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    path = zipped(tmp_path / "sales.zip", members)
    with pytest.raises(DataError, match=reason):
        unpack(path)


def test_a_zip_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "sales.zip", {"sales.csv": TEXT})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="the zip is cut off or damaged"):
        unpack(path)


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.gz"
    path.write_bytes(gzip.compress(b"\0" * 3_000_000))
    small = Limits(unpacked_bytes=10_000_000, ratio=250, always_allowed_bytes=1_000_000)
    with pytest.raises(DataError, match="unfold to more than 1,000,000"):
        unpack(path, small)
    with pytest.raises(DataError, match="unfold to more than 2,000,000"):
        unpack(path, Limits(unpacked_bytes=2_000_000))
    assert len(unpack(path)[0]) == 3_000_000


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"BZh91AY&SY\x00\x01", "a bzip2 archive"),
    ],
)
def test_foreign_formats_are_named(tmp_path: Path, start: bytes, what: str) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(start + bytes(range(32)))
    with pytest.raises(DataError, match=f"this is {what}, not delimited text"):
        unpack(path)


def test_a_text_may_begin_like_a_foreign_format(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(b"ORC,hobbit\n1,2\n")
    assert unpack(path) == (b"ORC,hobbit\n1,2\n", "")
