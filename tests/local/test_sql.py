from __future__ import annotations

from datetime import date
from decimal import Decimal

from local.sql import Result

_RESULT = Result(
    ["DAY", "NOTE", "REVENUE"],
    [(date(2025, 1, 5), "a, b", Decimal("1250.5000")), (date(2025, 1, 6), None, Decimal("3.0000"))],
)


def test_csv_can_be_read_by_a_program() -> None:
    assert _RESULT.as_csv() == 'DAY,NOTE,REVENUE\n2025-01-05,"a, b",1250.5000\n2025-01-06,,3.0000'


def test_a_table_aligns_numbers_to_the_right() -> None:
    assert _RESULT.as_table().splitlines() == [
        "DAY         NOTE    REVENUE",
        "----------  ----  ---------",
        "2025-01-05  a, b  1250.5000",
        "2025-01-06           3.0000",
        "(2 rows)",
    ]


def test_an_empty_result_says_so() -> None:
    assert Result(["A"], []).as_table().splitlines() == ["A", "-", "(0 rows)"]
