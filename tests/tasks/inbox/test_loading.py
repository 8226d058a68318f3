"""What is told of a loaded file: columns that were ignored, by name alone, and doubts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tasks.inbox.file_name import FileName
from tasks.inbox.judging import judge
from tasks.inbox.loading import _ends
from tasks.inbox.settling import Settled
from tasks.inbox.waiting import Version

VERSION = Version("inbox/stores_20250111.csv", "v1", datetime(2025, 1, 11, 8, tzinfo=UTC), 10)
STORES = FileName("stores", date(2025, 1, 11))
WITHOUT_HEADER = "no header: columns are taken in the contract's order"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("store_group,store_token,store_name\nG,S1,One\n", None),
        ("Mail,store_group,store_token,store_name,E Mail\nx@y,G,S1,One,a@b\n", "extra columns ignored: mail, e_mail"),
        ("G,S1,One\nG,S2,Two\n", WITHOUT_HEADER),
        (b"store_group,store_token,store_name,till\nG,S1,B\x81r,1\n", "extra columns ignored: till; neither UTF-8"),
    ],
)  # fmt: skip
def test_extra_columns_and_doubts_are_the_message_of_a_loaded_file(
    tmp_path: Path, content: str | bytes, message: str | None
) -> None:
    file = tmp_path / "downloaded"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    (end,) = _ends(Settled(loaded=[judge(VERSION, STORES, file, tmp_path, 0.9)]))
    assert end.message == message or (message and end.message and end.message.startswith(message))


def test_a_hundred_extra_columns_are_not_all_named(tmp_path: Path) -> None:
    file = tmp_path / "downloaded"
    extra = ",".join(f"x{at}" for at in range(100))
    file.write_text(f"store_group,store_token,store_name,{extra}\nG,S1,One{',' * 100}\n")
    (end,) = _ends(Settled(loaded=[judge(VERSION, STORES, file, tmp_path, 0.9)]))
    shown = ", ".join(f"x{at}" for at in range(20))
    assert end.message == f"extra columns ignored: {shown} and 80 others"
