"""Odd CSV files are refused with their name and line; whatever is taken means what it says."""

from __future__ import annotations

import pytest

from tasks.errors import DataError, SystemFault
from tasks.publishing import corrections
from tasks.services import aws

ADDRESS = "s3://highwater-lake/mended/sales.csv"


def read(body: bytes | str, dataset: str = "sales") -> corrections.Corrections:
    content = body.encode() if isinstance(body, str) else body
    aws.s3().put_object(Bucket="highwater-lake", Key="mended/sales.csv", Body=content)
    return corrections.read(dataset, ADDRESS)


def test_quotes_commas_line_breaks_and_a_byte_order_mark(account: None) -> None:
    given = read('\ufeffrow_id,net_revenue,promo_id\r\na1,"1,5","two\r\nlines"\r\n\r\n  \r\nb2,7,\r\n')
    assert given.columns == ("net_revenue", "promo_id")
    assert given.rows == {"a1": ("1,5", "two\r\nlines"), "b2": ("7", "")}
    assert given.of("b2") == {"net_revenue": "7", "promo_id": ""}
    assert (given.ids.to_pylist(), given.column(0).to_pylist()) == (["a1", "b2"], ["1,5", "7"])


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"row_id,net_revenue\na,5\nb,\xff6\n", r"sales\.csv line 3: byte 0xff is not UTF-8"),
        ("row_id,net_revenue\na,5,6\n", r"sales\.csv line 2: 3 cells, the header has 2"),
        ("row_id,net_revenue\na,5\n\nb\n", r"sales\.csv line 4: 1 cells, the header has 2"),
        ("row_id,net_revenue\na,5\nb,6\na,7\n", r"sales\.csv line 4: row_id 'a' was on line 2 already"),
        ("row_id,net_revenue\n ,5\n", r"sales\.csv line 2: row_id is empty"),
        (
            "net_revenue\n5\n",
            r"sales\.csv line 1: the column row_id is missing\. Expected are row_id and columns of",
        ),
        ("row_id,price,week_start\na,5,6\n", r"sales\.csv line 1: unknown columns: 'price', 'week_start'"),
        ("row_id,quantity,quantity\na,5,6\n", r"sales\.csv line 1: the column 'quantity' is there twice"),
        ("row_id\na\n", r"sales\.csv line 1: no column to correct"),
        ("", r"sales\.csv is empty\. Expected are row_id"),
        ("\n \n", r"sales\.csv is empty"),
        ("row_id,net_revenue\n", r"sales\.csv: no line below the header"),
        ('row_id,net_revenue\na,"5\nb,6\n', r"sales\.csv line 3: unexpected end of data"),
        ('row_id,net_revenue\na,"5"6\n', r"sales\.csv line 2: .* expected after"),
    ],
)
def test_an_odd_file_is_refused_by_line(account: None, body: bytes | str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read(body)


def test_a_file_too_large_is_refused_before_it_is_read(
    account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corrections, "_MAX_BYTES", 20)
    monkeypatch.setattr(corrections.objects, "read", lambda address: pytest.fail("it was read"))
    with pytest.raises(DataError, match=r"25 bytes, the limit is 20\. Split it"):
        read("row_id,net_revenue\na,5555")


def test_addresses_that_lead_nowhere(account: None) -> None:
    with pytest.raises(DataError, match=r"mended: 'sales\.csv' is not an s3://bucket/key address"):
        corrections.read("sales", "sales.csv")
    with pytest.raises(SystemFault, match=r"asking for s3://highwater-lake/gone\.csv: 404"):
        corrections.read("sales", "s3://highwater-lake/gone.csv")


def test_what_the_job_derives_can_not_be_corrected(account: None) -> None:
    with pytest.raises(DataError, match="unknown columns: 'week'"):
        read("row_id,week\na,2025-W01\n", dataset="market")
