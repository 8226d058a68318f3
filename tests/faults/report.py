"""What the matrix showed, for the terminal and for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.faults.campaign import Campaign, Matrix

_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


def _red(matrix: Matrix) -> int:
    return sum(not result.is_green for _, result in matrix.results)


def summary(campaign: Campaign, seconds: float) -> str:
    lines = [
        f"{m.name}: {m.calls} calls, {len(m.results)} of {m.possible} trials, {_red(m)} red"
        for m in campaign.matrices
    ]
    return "\n".join([*lines, f"in {seconds / 60:.1f} minutes, commit {campaign.seed[:12]}"])


def write(file: Path, campaign: Campaign, seconds: float) -> None:
    """Into the place that the file has for them."""
    before, rest = file.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    file.write_text(f"{before}{_BEGIN}\n{figures(campaign, seconds)}\n{_END}{after}")


def figures(campaign: Campaign, seconds: float) -> str:
    trials = sum(len(m.results) for m in campaign.matrices)
    red = [
        line
        for m in campaign.matrices
        for plan, result in m.results
        if not result.is_green
        for line in (f"- `{plan}`", *(f"  - `{text.strip()}`" for text in result.differences))
    ]
    return "\n".join(
        [
            f"Commit {campaign.seed[:12]}: {trials} trials in {seconds / 60:.0f} minutes.",
            "",
            "| matrix | calls that write | trials | faults | different from undisturbed runs |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| {m.name} | {m.calls} | {len(m.results)} of {m.possible} | {_kinds(m)} | {_red(m)} |"
                for m in campaign.matrices
            ),
            *(["", "Differences:", "", *red] if red else []),
        ]
    )


def _kinds(matrix: Matrix) -> str:
    counted = Counter(plan.fault.kind for plan, _ in matrix.results)
    return ", ".join(f"{number} {kind}" for kind, number in counted.items())
