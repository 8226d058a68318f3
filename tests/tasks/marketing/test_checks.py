"""What is counted of a day's files, and which failed check keeps the merge from happening."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tasks.marketing import checks
from tasks.marketing.checks import CriticalCheck
from tasks.marketing.reading import FileRead, Judged
from tasks.marketing.rejects import Rejects
from tasks.publishing.quality import Finding

DAY = date(2025, 1, 10)


def judged(tmp_path: Path, rows: int, dataset: str = "marketing_demographics") -> Judged:
    rejects = Rejects("demographics", DAY, tmp_path / "rejects.parquet")
    file = FileRead("a.csv", records=rows + 1, header_lines=1, rows=rows)
    return Judged(dataset, DAY, tmp_path / "rows.parquet", rejects, [file], staged=rows)


def failed(findings: list[Finding]) -> list[str]:
    return [finding.metric for finding in findings if not finding.passed]


@pytest.mark.parametrize(
    ("rows", "before", "accept", "what"),
    [
        (50, 100, False, []),
        (49, 100, False, ["row_count_ratio"]),
        (49, 100, True, []),
        (49, None, False, []),
        (0, None, False, ["row_count"]),
        (0, 100, True, ["row_count"]),
    ],
)
def test_a_snapshot_with_under_half_the_rows_of_the_one_before_is_critical(
    tmp_path: Path, rows: int, before: int | None, accept: bool, what: list[str]
) -> None:
    findings = checks.of_files(judged(tmp_path, rows), before, accept)
    assert failed(findings) == what
    assert checks.suspicious(findings) == []
    if what:
        with pytest.raises(CriticalCheck, match="nothing of run r was merged") as raised:
            checks.require(findings, "r")
        assert raised.value.severity == "CRITICAL"
    else:
        checks.require(findings, "r")


def test_a_drop_of_events_is_suspicious_and_stops_nothing(tmp_path: Path) -> None:
    findings = checks.of_files(judged(tmp_path, 49, "marketing_clickstream"), 100)
    checks.require(findings, "r")
    assert [finding.metric for finding in checks.suspicious(findings)] == ["row_count_ratio"]


def test_a_file_that_was_refused_or_does_not_add_up_is_critical(tmp_path: Path) -> None:
    refused = judged(tmp_path, 5)
    refused.files.append(FileRead("b.csv", refusal="b.csv: the gzip is cut off before its end."))
    with pytest.raises(
        CriticalCheck, match=r"files_refused = 1 .limit 0. FAILED: b.csv: the gzip is cut off"
    ):
        checks.require(checks.of_files(refused, None), "r")
    lost = judged(tmp_path, 5)
    lost.files[0] = FileRead("a.csv", records=7, header_lines=1, rows=5)
    assert failed(checks.of_files(lost, None)) == ["reconciled"]


def test_nulls_repeats_and_broken_rows_are_shares_of_all_rows(tmp_path: Path) -> None:
    found = judged(tmp_path, 8)
    found.rejects.rows = 2
    found.repeated, found.staged = 1, 9
    found.rejects.reasons.update(["customer_id:missing", "customer_id:repeated"])
    found.nulls["email"] = 5
    found.uncast["signup_date"] = 1
    figures = {finding.metric: (finding.value, finding.passed) for finding in checks.of_files(found, None)}
    assert figures["null_rate.customer_id"] == (0.1, False)
    assert figures["null_rate.email"] == (0.5, True)
    assert figures["uncast_rate.signup_date"] == (0.1, True)
    assert figures["duplicate_rate"] == (0.1, False)
    assert figures["rejected_rate"] == (0.1, False)
