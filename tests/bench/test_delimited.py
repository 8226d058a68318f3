"""The benchmark writes what the product's reader read: every record, as standard CSV, and a line about each file."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bench import delimited
from tasks.delimited import reader


def run(
    tmp_path: Path, files: dict[str, bytes]
) -> tuple[dict[str, list[list[str]]], dict[str, dict[str, Any]]]:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    delimited.main([str(folder), "--out", str(out)])
    lines = [json.loads(line) for line in (out / "report.jsonl").read_text(encoding="utf-8").splitlines()]
    written = {}
    for path in out.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            written[path.name.removesuffix(".csv")] = list(csv.reader(file, strict=True))
    assert not list(out.glob("*.partial"))
    return written, {line["file"]: line for line in lines}


def test_every_record_is_written_and_every_file_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, report = run(
        tmp_path,
        {
            "a.csv": "Top\nday;price\n2024-01-01;'1;5'\n\n2024-01-02;'it''s'\n2024-01-03\n".encode("utf-16"),
            "b.txt": b"",
            "c.csv": bytes(range(256)) * 20,
            "d.csv": b'x,y\n1,\xe9\n2,"a ""b""\nc"\n',
        },
    )
    assert written == {
        "a.csv": [["day", "price"], ["2024-01-01", "1;5"], ["2024-01-02", "it's"], ["2024-01-03"]],
        "b.txt": [],
        "d.csv": [["x", "y"], ["1", "é"], ["2", 'a "b"\nc']],
    }
    assert report["a.csv"] == {
        "file": "a.csv", "status": "ok", "encoding": "utf-16-le with BOM", "delimiter": ";", "quote": "'", "header_lines": 2,
        "records": 6, "rejected_records": 0, "preamble": [["Top"]],
        "message": "1 records above the table are in preamble, not in the CSV",
    }  # fmt: skip
    assert report["d.csv"]["preamble"] == []
    assert (report["b.txt"]["status"], report["b.txt"]["message"]) == ("ok", "the file is empty")
    assert report["c.csv"]["status"] == "refused"
    assert report["c.csv"]["message"].startswith("c.csv: ")
    assert (report["d.csv"]["encoding"], report["d.csv"]["header_lines"]) == ("latin-1", 1)
    assert "4 files, 1 refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a", "1"], "a,1\r\n"),
        ([""], '""\r\n'),
        (["", ""], ",\r\n"),
        (['a"b', "c,d", "e\nf"], '"a""b","c,d","e\nf"\r\n'),
        ([" a ", "'b'"], " a ,'b'\r\n"),
    ],
)
def test_standard_csv(cells: list[str], expected: str) -> None:
    assert delimited.standard(cells) == expected


def test_stray_quotes_and_odd_rows_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{at},2024-01-{at + 10},{at}.5,x\n" for at in range(9))
    _, report = run(
        tmp_path,
        {"a.csv": f'id,day,amount,note\n{rows}9;2024-01-20;9.5;x\n10,2024-01-21,1.5,"a "b" c"\n'.encode()},
    )
    assert (
        report["a.csv"]["message"]
        == "1 records have stray quotes; 1 records have another delimiter than the file"
    )


def failing_at(name: str, error: BaseException) -> Callable[[Path], Any]:
    """A reader that fails in the middle of one file."""

    class Failing:
        preamble: ClassVar[list[list[str]]] = []

        def rows(self) -> Iterator[list[str]]:
            yield ["1"]
            raise error

    @contextmanager
    def opened(source: Path) -> Iterator[Any]:
        if source.name == name:
            yield Failing()
        else:
            with reader.opened(source) as reading:
                yield reading

    return opened


def test_a_fault_in_one_file_is_its_line_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(delimited, "opened", failing_at("b.csv", ZeroDivisionError("by nought")))
    written, report = run(tmp_path, dict.fromkeys(("a.csv", "b.csv", "c.csv"), b"x,y\n1,2\n"))
    assert written == {name: [["x", "y"], ["1", "2"]] for name in ("a.csv", "c.csv")}
    assert report["b.csv"] == {
        "file": "b.csv", "status": "refused", "encoding": None, "delimiter": None, "quote": None, "header_lines": 0,
        "records": 0, "rejected_records": 0, "preamble": [], "message": "fault: b.csv: ZeroDivisionError: by nought",
    }  # fmt: skip
    assert "3 files, 1 refused" in capsys.readouterr().out


def test_who_ends_the_run_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "opened", failing_at("a.csv", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, {"a.csv": b"x,y\n1,2\n"})


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        delimited.main([str(tmp_path / "none"), "--out", str(tmp_path)])
