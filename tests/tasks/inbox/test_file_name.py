"""Kinds and dates in names of files, and why other names are refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import DataError
from tasks.inbox.file_name import recognised

DAY = date(2025, 1, 11)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("inbox/sales_20250111.csv", "sales"),
        ("inbox/Stores-2025-01-11_v2.CSV", "stores"),
        ("inbox/SALE.2025.01.11.txt.gz", "sales"),
        ("inbox/acme/eu/daily store list 2025_01_11.zip", "stores"),
        ("inbox/sales20250111.csv", "sales"),
        ("inbox/sales_20250111_103000.csv", "sales"),
        ("inbox/sales_20250111T1030.csv", "sales"),
        ("inbox/sales_2025-01-11 10:30:59.csv", "sales"),
        ("inbox/sales_20250111103000.csv", "sales"),
        ("inbox/sales_20250111_2025.csv", "sales"),
        ("inbox/sales_2025-01-11_20-25-11.csv", "sales"),
        ("inbox/sales_2025-01-11_202511_01.csv", "sales"),
        ("inbox/sales_20250111202511.01.csv", "sales"),
        ("inbox/sales_20250111_1.csv", "sales"),
        ("inbox/sales_12345678_20250111.csv", "sales"),
        ("inbox/acme_sales_sale-20250111.csv", "sales"),
        ("inbox/stores/sales_20250111.csv", "sales"),
        ("inbox/sales.csv.20250111", "sales"),
    ],
)
def test_a_name_is_recognised(key: str, kind: str) -> None:
    assert recognised(key) == (kind, DAY)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("sales.csv", "has no date"),
        ("sales_2025.csv", "has no date"),
        ("sales_11-01-2025.csv", "has no date"),
        ("sales_2025-0111.csv", "has no date"),
        ("sales_120250111.csv", "has no date"),
        ("sales_20250230.csv", "there is no day 2025-02-30"),
        ("sales_2025-13-01.csv", "there is no day 2025-13-01"),
        ("sales_20250111_20250112.csv", r"several dates \(20250111 and 20250112\)"),
        ("sales_20250111-20250111.csv", "several dates"),
        ("sales_2025-01-11_2025-01-12.csv", r"several dates \(2025-01-11 and 2025-01-12\)"),
        ("sales_2025.01.11.2025.01.12.csv", "several dates"),
        ("sales_2025_01_11_2025_01_12.csv", "several dates"),
        ("sales_20250111_2025-01-12.csv", r"several dates \(20250111 and 2025-01-12\)"),
        ("sales_2025-01-11_2025-02-30.csv", "several dates"),
        ("sales_2025-01-11_20250112.csv", "several dates"),
        ("wholesales_20250111.csv", "no kind stands in its name before the date"),
        ("salesman_20250111.csv", "no kind"),
        ("20250111_sales.csv", "no kind"),
        ("éstores_20250111.csv", "no kind"),
        ("sales_stores_20250111.csv", r"several kinds \(sales, stores\)"),
    ],
)
def test_a_name_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as refused:
        recognised(f"inbox/{name}")
    assert str(refused.value).startswith(f"inbox/{name}: ")


@given(
    st.sampled_from(["sale", "SALES", "Store", "stores"]),
    st.dates(date(1990, 1, 1), date(2150, 12, 31)),
    st.sampled_from(["", "-", ".", "_"]),
    st.sampled_from(["_", "-", ".", " ", "_acme_eu-"]),
    st.sampled_from(["", "_v2", "T0930", "_final", " (1)"]),
    st.sampled_from([".csv", ".TXT.GZ", "", ".zip"]),
)
def test_every_spelling_means_the_same(
    word: str, day: date, sign: str, between: str, after: str, ending: str
) -> None:
    name = f"{word}{between}{day:%Y}{sign}{day:%m}{sign}{day:%d}{after}{ending}"
    assert recognised(f"inbox/{name}") == (word.lower().removesuffix("s") + "s", day)
