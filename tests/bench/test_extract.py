"""What the extraction's benchmark makes of its figures, and the table that it is run on."""

from __future__ import annotations

import re
from typing import Any

from bench import extract
from bench.extract_cloud import _COLUMNS
from bench.extract_run import source
from contracts.shop.order_items import ORDER_ITEMS


def way(rate: int, memory: float = 100) -> dict[str, Any]:
    return {
        "rows_per_second": rate,
        "seconds": 1.0,
        "cpu_seconds": 2.0,
        "peak_memory_mb": memory,
        "servers_cpu_seconds": 3.0,
    }


FOUND = {
    "limit": way(1000),
    "watermark": way(900, 501),
    "unload": way(2000),
    "dlt_arrow": way(500),
    "dlt_sql_table": way(100),
    "sling": {"failed": "it is not there"},
}


def test_ratios_are_of_those_that_ran() -> None:
    assert extract.ratios(FOUND) == {
        "watermark / limit": 0.9,
        "watermark / dlt_arrow": 1.8,
        "watermark / dlt_sql_table": 9.0,
        "unload / limit": 2.0,
        "unload / dlt_arrow": 4.0,
        "unload / dlt_sql_table": 20.0,
    }


def test_the_goal_is_held_against_the_faster_dlt() -> None:
    told = extract.report(FOUND)
    assert "| dlt_arrow | 500 | 1.0 | 2.0 | 3.0 | 100 | 1.8 | 4 |" in told
    assert "| sling | failed: it is not there |" in told
    assert "- watermark, to_limit: 0.9, goal 0.9: met" in told
    assert "- watermark, to_dlt: 1.8, goal 2: **missed**" in told
    assert "- watermark, peak_memory_mb: 501, goal 500: **missed**" in told
    assert "- unload, to_dlt: 4, goal 2: met" in told


def test_further_rows_are_those_that_the_large_size_has_more() -> None:
    small = {"limit": way(100), "sling": {"failed": "no"}}
    told = extract.further(small, {"limit": way(200) | {"seconds": 3.0}, "sling": way(1)}, 1000)
    assert list(told) == ["limit"]
    assert (told["limit"]["rows_per_second"], told["limit"]["seconds"]) == (500, 2.0)


def test_the_table_has_twelve_columns_of_which_the_contract_knows_ten() -> None:
    assert len(_COLUMNS) == 12
    assert [name for name in _COLUMNS if name in ORDER_ITEMS.names] == list(ORDER_ITEMS.names)


def test_the_rows_break_no_rule() -> None:
    """Each money column is a remainder, so not negative; a quantity is a remainder and one."""
    for name in ("unit_price", "discount", "line_amount"):
        assert re.search(r"% \d+ / 100$", _COLUMNS[name][1])
    assert _COLUMNS["quantity"][1] == "{n} % 9 + 1"


def test_both_modes_ask_the_same() -> None:
    watermark, unload = (source("PUBLIC.T", mode).entities[0] for mode in ("watermark", "unload"))
    assert (watermark.query, watermark.key) == (unload.query, unload.key)
