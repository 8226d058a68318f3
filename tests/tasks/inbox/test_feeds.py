"""Partners' agreed forms: a feed reads what is agreed, and refuses what deviates instead of guessing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tasks.delimited.planning import Pin
from tasks.errors import SystemFault
from tasks.inbox.feeds import pin_of
from tasks.inbox.file_name import FileName
from tasks.inbox.judging import Judged, judge
from tasks.inbox.waiting import Version
from tasks.settings import settings

COLUMNS = ("store_name", "store_token", "store_group")
STORES = """feeds:
  - {pattern: "PATTERN", delimiter: ";", quote: null, escape: null, header: HEADER, encoding: windows-1252,
     columns: [store_name, store_token, store_group]}
  - {pattern: "*", columns: [store_token]}
"""
Write = Callable[[str], None]


@pytest.fixture
def feeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    def write(text: str) -> None:
        path = tmp_path / "feeds.yaml"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setenv("HIGHWATER_FEEDS", str(path))
        settings.cache_clear()

    settings.cache_clear()
    yield write
    settings.cache_clear()


def stores_feed(pattern: str = "acme_stores_*", header: str = "false") -> str:
    return STORES.replace("PATTERN", pattern).replace("HEADER", header)


def judged(tmp_path: Path, content: str, key: str = "inbox/acme_stores_20250111.csv") -> Judged:
    file = tmp_path / "downloaded"
    file.write_bytes(content.encode("windows-1252"))
    version = Version(key, "v1", datetime(2025, 1, 11, tzinfo=UTC), 10)
    return judge(version, FileName("stores", date(2025, 1, 11)), file, tmp_path, 0.05)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("acme_sales_*.csv", "inbox/acme_sales_20250111.csv", True),
        ("acme_sales_*.csv", "inbox/eu/acme_sales_20250111.csv", True),
        ("inbox/acme/*sales*", "inbox/acme/eu/sales_20250111.csv", True),
        ("inbox/acme/*sales*", "inbox/other/acme/sales_20250111.csv", False),
        ("acme_sales_*.csv", "inbox/my_acme_sales_20250111.csv", False),
        ("acme_sales_*.csv", "inbox/ACME_sales_20250111.csv", False),
        ("acme/*", "inbox/acme/sales_20250111.csv", False),
    ],
)
def test_a_pattern_is_of_the_whole_key_or_of_its_last_part(
    feeds: Write, pattern: str, key: str, matches: bool
) -> None:
    feeds(f'feeds: [{{pattern: "{pattern}", columns: [amount]}}]')
    assert pin_of(key) == (Pin(("amount",)) if matches else None)


def test_the_first_feed_that_matches_decides(feeds: Write) -> None:
    feeds(stores_feed())
    assert pin_of("inbox/acme_stores_20250111.csv") == Pin(COLUMNS, ";", None, None, False, "windows-1252")
    assert pin_of("inbox/stores_20250111.csv") == Pin(("store_token",))


def test_a_pinned_feed_is_read_as_agreed(feeds: Write, tmp_path: Path) -> None:
    feeds(stores_feed())
    file = judged(tmp_path, 'Caf\xe9;S1;G1\n"Bar" €;S2;\n')
    assert file.refusal is None
    assert file.rows is not None
    rows = [row for table in file.rows.tables() for row in table.to_pylist()]
    assert [tuple(row[name] for name in COLUMNS) for row in rows] == [
        ("Café", "S1", "G1"),
        ('"Bar" €', "S2", None),
    ]
    assert file.found["encoding"] == "windows-1252"


@pytest.mark.parametrize(
    ("header", "content", "reason"),
    [
        ("false", "Cafe,S1,G1\nBar,S2,G1\n", "is pinned to 3 columns with ';', but its records have 1"),
        ("false", "store_name;store_token;store_group\nCafe;S1;G1\n", "is pinned to have no header, but it has one"),
        ("true", "Cafe;S1;G1\n", "is pinned to the header store_name, store_token, store_group"),
        ("true", "store_token;store_name;store_group\nS1;Cafe;G1\n", "it begins with store_token, store_name"),
    ],
)  # fmt: skip
def test_what_deviates_is_refused_though_it_could_be_guessed(
    feeds: Write, tmp_path: Path, header: str, content: str, reason: str
) -> None:
    feeds(stores_feed(header=header))
    refusal = judged(tmp_path, content).refusal
    assert refusal is not None
    assert reason in refusal


def test_an_unpinned_file_is_guessed(feeds: Write, tmp_path: Path) -> None:
    feeds("feeds: []")
    assert judged(tmp_path, "store_token,store_name,store_group\nS1,Cafe,G1\n").refusal is None


@pytest.mark.parametrize(
    "text", ["feeds: [{pattern: '*'}]", "feeds: [{pattern: '*', columns: [a], sep: ';'}]", "feeds: {"]
)
def test_a_wrong_file_of_feeds_stops_the_run(feeds: Write, text: str) -> None:
    feeds(text)
    with pytest.raises(SystemFault, match=r"feeds.yaml \(HIGHWATER_FEEDS\): "):
        pin_of("inbox/sales_20250111.csv")
