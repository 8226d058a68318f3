"""The retail inbox on the local cloud: files become rows, or somebody knows why not, however often a run dies."""

from __future__ import annotations

import gzip
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.services import aws
from tests.e2e import inbox
from tests.e2e.inbox import SALES_HEADER, STORES_HEADER, put, put_bytes, sale, sweep
from tests.e2e.world import World


@pytest.fixture(autouse=True)
def empty_inbox(world: World) -> Iterator[None]:
    inbox.empty(world)
    yield
    inbox.empty(world)


def deliver() -> None:
    put("stores_20250110.csv", "north;S1;Harbour", "north;S2;Market", header=STORES_HEADER)
    put(
        "acme/Sales-2025-01-11_v2.CSV",
        *(sale("S1", number, "10.00") for number in range(4)),
        sale("S9", 1, "3.50"),
    )
    put_bytes(
        "SALE.2025.01.12.txt.gz",
        gzip.compress(
            "\n".join(
                [SALES_HEADER, sale("S2", 1, "7.25"), "", sale("S1", 9, "-2.00", "2025-01-12"), ""]
            ).encode(),
            mtime=0,  # or no two uploads would be alike
        ),
    )
    put(
        "sales_20250113.csv",
        *(sale("S2", 100 + number, "1.00") for number in range(30)),
        sale("S2", 200, "1e3"),
    )
    put("sales_20250114.csv", sale("S2", 300, "1.00"), sale("S2", 301, "ten"))
    put_bytes("sales_20250230.csv", b"x")


def test_files_become_rows_or_somebody_knows_why_not(world: World) -> None:
    deliver()
    put(
        "sales_20250115_copy.csv",
        *(sale("S1", number, "10.00") for number in range(4)),
        sale("S9", 1, "3.50"),
    )
    ended = sweep()
    assert ended.is_completed(), ended.message
    assert ended.result()["summary"] == "4 files loaded (39 rows, 1 quarantined), 1 unchanged, 2 refused"

    assert inbox.files(world) == {
        "acme/Sales-2025-01-11_v2.CSV": ("loaded", 6, 1, 5, 0, 0),
        "SALE.2025.01.12.txt.gz": ("loaded", 4, 1, 2, 0, 1),
        "stores_20250110.csv": ("loaded", 3, 1, 2, 0, 0),
        "sales_20250113.csv": ("loaded", 32, 1, 30, 1, 0),
        "sales_20250114.csv": ("refused", 3, 1, 0, 2, 0),
        "sales_20250115_copy.csv": ("unchanged", 6, 1, 5, 0, 0),
        "sales_20250230.csv": ("refused", None, None, None, None, None),
    }
    assert world.sql("SELECT line_number, raw_line, reasons FROM RAW.QUARANTINED_ROWS") == [
        {"LINE_NUMBER": 32, "RAW_LINE": sale("S2", 200, "1e3"), "REASONS": "amount:type"}
    ]
    top = world.sql("SELECT rank, store_token, amount FROM MARTS.RETAIL_TOP_STORES ORDER BY rank")
    assert [tuple(row.values()) for row in top] == [(1, "S1", 38), (2, "S2", 37.25), (3, "S9", 3.5)]
    daily = world.sql(
        "SELECT store_token, store_name, transactions, receipts, amount, returns_amount FROM MARTS.RETAIL_DAILY_SALES"
        " ORDER BY sale_date, store_token"
    )
    assert [tuple(row.values()) for row in daily] == [
        ("S1", "Harbour", 4, 2, 40, 0),
        ("S2", "Market", 31, 16, 37.25, 0),
        ("S9", None, 1, 1, 3.5, 0),
        ("S1", "Harbour", 1, 1, -2, -2),
    ]
    # The copy's later batch date is the rows' now.
    assert (
        world.one("SELECT MIN(batch_date)::VARCHAR FROM STAGE.SALES WHERE store_token = 'S9'") == "2025-01-15"
    )
    assert inbox.keys("history/") == [
        "history/sales/year=2025/month=01/day=11/acme/Sales-2025-01-11_v2.CSV",
        "history/sales/year=2025/month=01/day=12/SALE.2025.01.12.txt.gz",
        "history/sales/year=2025/month=01/day=13/sales_20250113.csv",
        "history/sales/year=2025/month=01/day=15/sales_20250115_copy.csv",
        "history/stores/year=2025/month=01/day=10/stores_20250110.csv",
    ]
    assert [line.partition(" -> ")[2] for line in inbox.moved()] == [
        "history/sales/year=2025/month=01/day=12/SALE.2025.01.12.txt.gz",
        "history/sales/year=2025/month=01/day=11/acme/Sales-2025-01-11_v2.CSV",
        "history/sales/year=2025/month=01/day=13/sales_20250113.csv",
        "history/sales/year=2025/month=01/day=15/sales_20250115_copy.csv",
        "history/stores/year=2025/month=01/day=10/stores_20250110.csv",
    ]
    assert inbox.keys("inbox/") == [
        "inbox/sales_20250114.csv",
        "inbox/sales_20250114.csv.error.json",
        "inbox/sales_20250230.csv",
        "inbox/sales_20250230.csv.error.json",
    ]
    said = inbox.sidecar("sales_20250114.csv")
    assert "1 of 2 rows are broken (amount:type 1 times), more than 5%" in said["reason"]
    assert said["first_broken_rows"][0]["raw_line"] == sale("S2", 301, "ten")
    high = [alert for alert in world.alerts() if alert["severity"] == "HIGH"]
    assert len(high) == 1
    assert "there is no day 2025-02-30" in high[0]["message"]


def test_a_refused_file_waits_for_its_correction_and_a_named_one_is_tried_again(world: World) -> None:
    deliver()
    sweep()
    world.alerts()
    again = sweep()
    assert again.result()["summary"].endswith("0 refused; 2 refused before wait for a correction")
    by_event = sweep(["sales_20250114.csv"], broken_rate_max=0.5, retry_refused=False)
    assert by_event.result()["files"] == {}
    named = sweep(["sales_20250114.csv"], broken_rate_max=0.5)
    assert named.result()["files"] == {"inbox/sales_20250114.csv": "loaded"}
    assert "inbox/sales_20250114.csv.error.json" not in inbox.keys("inbox/")
    assert [alert for alert in world.alerts() if alert["severity"] == "HIGH"] == []


def test_a_correction_and_its_withdrawal_load_row_by_row(world: World) -> None:
    first = [sale("S1", 1, "1.00"), sale("S1", 2, "2.00")]
    for lines in (first, [sale("S1", 1, "9.00")], first):
        put("sales_20250111.csv", *lines)
        assert sweep().is_completed()
        time.sleep(1)  # S3 tells arrivals to the second
    amounts = world.sql("SELECT transaction_id, amount FROM STAGE.SALES ORDER BY 1")
    assert [tuple(row.values()) for row in amounts] == [("T1", 1), ("T2", 2)]
    assert world.one("SELECT COUNT(*) FROM RAW.SALES") == 5
    assert len(inbox.keys("history/")) == 2
    assert [row["STATUS"] for row in world.sql("SELECT status FROM MONITORING.INBOX_FILES")] == ["loaded"] * 3


# Where, before or after, at which call.
DEATHS = [
    ("tasks.inbox.reading:judge", "after", 3),
    ("tasks.inbox.moving:write_sidecar", "after", 1),
    ("tasks.runs.alerts:send", "after", 1),
    ("tasks.inbox.loading:execute", "after", 3),
    ("tasks.warehouse.warehouse_write:execute", "after", 5),  # committed, nobody was told
    ("tasks.inbox.moving:_copy", "after", 2),
    ("tasks.inbox.inbox_steps:_deleted", "after", 2),
    ("warehouse.marts.retail.refresh:refresh", "before", 1),
]


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, dict[str, list[str]]]:
    return {}


@pytest.mark.parametrize(("target", "when", "nth"), DEATHS)
def test_a_killed_run_ends_as_an_undisturbed_one(
    world: World, undisturbed: dict[str, dict[str, list[str]]], target: str, when: str, nth: int
) -> None:
    if not undisturbed:
        deliver()
        assert sweep().is_completed()
        undisturbed |= {"state": inbox.state(world)}
        inbox.empty(world)
    deliver()
    arranged = f"from tests.e2e import death; death.arrange({target!r}, {when!r}, {nth})"
    call = "from flows.retail_inbox import retail_inbox; retail_inbox()"
    assert world.in_process(call, arranged) == -signal.SIGKILL
    assert sweep().is_completed()
    assert inbox.state(world) == undisturbed["state"]


def test_two_runs_at_once_load_every_file_once(world: World) -> None:
    for number in range(12):
        put(f"sales_202501{11 + number}.csv", *(sale(f"S{number}", line, "1.00") for line in range(20)))
    call = (
        "from flows.retail_inbox import retail_inbox; assert retail_inbox(return_state=True).is_completed()"
    )
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(world.in_process, [call, call])) == [0, 0]
    assert world.one("SELECT COUNT(*) FROM RAW.SALES") == 240
    assert {row["STATUS"] for row in world.sql("SELECT status FROM MONITORING.INBOX_FILES")} == {"loaded"}
    assert (len(inbox.keys("history/")), inbox.keys("inbox/")) == (12, [])
    versions = aws.s3().list_object_versions(Bucket=inbox.BUCKET, Prefix="inbox/")
    assert "Versions" not in versions
