"""Encodings: found over the whole file, said by name, and places counted in the file's own bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tasks.delimited.encoding import Encoding, find_encoding, original_bytes, pinned_encoding, utf8_chunks
from tasks.errors import DataError

TEXT = "store,näme\n1,Łódź\n2,😀\n"
WESTERN = "store,näme\n1,Curaçao\n"


def found(tmp_path: Path, content: bytes) -> Encoding:
    path = tmp_path / "sales.csv"
    path.write_bytes(content)
    return find_encoding(path)


@pytest.mark.parametrize(
    ("content", "label"),
    [
        (b"", "utf-8"),
        (b"plain\n", "utf-8"),
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8 with BOM"),
        (TEXT.encode("utf-16"), "utf-16-le with BOM"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16-be with BOM"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("utf-32"), "utf-32-le with BOM"),
        (TEXT.encode("utf-32-be"), "utf-32-be"),
        (WESTERN.encode("latin-1"), "latin-1"),
        ((WESTERN + "3,5 €\n").encode("cp1252"), "windows-1252"),
    ],
)
def test_encodings_are_told_apart(tmp_path: Path, content: bytes, label: str) -> None:
    encoding = found(tmp_path, content)
    assert (encoding.label, encoding.doubt) == (label, "")


def test_one_letter_at_the_end_of_a_large_file_decides(tmp_path: Path) -> None:
    start = b"1,2\n" * 1_500_000
    assert found(tmp_path, start + "é".encode()).label == "utf-8"
    assert found(tmp_path, start + "é".encode("latin-1")).label == "latin-1"


def test_utf8_with_a_few_broken_bytes_stays_utf8_and_says_so(tmp_path: Path) -> None:
    encoding = found(tmp_path, ("ä" * 50).encode() + b"\xe9,1\n")
    assert (encoding.name, encoding.broken_bytes, encoding.doubt) == ("utf-8", 1, "1 bytes are not UTF-8")


def test_other_encodings_are_doubted(tmp_path: Path) -> None:
    assert found(tmp_path, b"a,\x81\xe9\n").doubt.startswith("neither UTF-8 nor Windows-1252")
    japanese = (
        "名前,年齢\n山田,30\n佐藤,28\n鈴木,32\n田中,22\n高橋,29\n渡辺,31\n伊藤,25\n中村,41\n小林,35\n".encode(
            "shift_jis"
        )
    )
    assert found(tmp_path, japanese).doubt


def test_cut_off_utf16_and_binary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sales\.csv: not valid utf-16-le near byte 4\d"):
        found(tmp_path, TEXT.encode("utf-16")[:-1])
    with pytest.raises(DataError, match="control characters: this is no text"):
        found(tmp_path, bytes(range(256)) * 50)


def test_a_pinned_encoding_must_hold(tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(WESTERN.encode("latin-1"))
    assert pinned_encoding(path, "ISO-8859-1").name == "latin-1"
    assert pinned_encoding(path, "cp1252").name == "windows-1252"
    path.write_bytes(b"a,b\n12\n")
    with pytest.raises(DataError, match="not valid utf-16-le"):
        pinned_encoding(path, "utf-16")
    path.write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(DataError, match="begins with the BOM of utf-16-le, but its feed is pinned to utf-8"):
        pinned_encoding(path, "utf-8")
    path.write_bytes("Κλειώ,1\n".encode("iso8859-7"))
    assert b"".join(utf8_chunks(path, pinned_encoding(path, "iso8859-7"))).decode() == "Κλειώ,1\n"
    with pytest.raises(DataError, match="has characters of several bytes"):
        pinned_encoding(path, "shift_jis")
    with pytest.raises(DataError, match="unknown to Python"):
        pinned_encoding(path, "utf-9")


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le"])
@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_chunks_are_utf8_and_places_are_the_files(tmp_path: Path, name: str, size: int) -> None:
    path = tmp_path / "sales.csv"
    path.write_bytes(TEXT.encode(name))
    utf8 = b"".join(utf8_chunks(path, Encoding(name), size))
    assert utf8 == TEXT.encode()
    befores = np.cumsum(original_bytes(Encoding(name), np.frombuffer(utf8, dtype=np.uint8)), dtype=np.int64)
    assert befores[-1] == len(TEXT.encode(name))
    assert befores[utf8.index(b"\n")] == len(TEXT[: TEXT.index("\n") + 1].encode(name))
