"""Where the job of the churn dataset writes."""

from __future__ import annotations

from tasks.settings import settings

ROWS = "ml/churn_dataset/rows"
"""For one run: the bucket's lifecycle deletes them, later than the ledger forgets the job that wrote them."""
_OUTCOMES = "ml/churn_outcomes/data"
"""Published where they are written, so that they stay."""


def rows(name: str) -> str:
    return f"s3://{settings().lake_bucket}/{ROWS}/{name}"


def outcomes(rows: str) -> str:
    """The folder of the outcomes of earlier scorings, which the job writes along with these rows."""
    return rows.replace(f"/{ROWS}/", f"/{_OUTCOMES}/", 1)
