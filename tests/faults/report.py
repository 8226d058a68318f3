"""What the matrix showed, for the terminal and for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.faults.matrix import Plan
from tests.faults.parts import Part
from tests.faults.results import Matrix

_SHOWN = 20
_BEGIN, _END = "<!-- figures -->", "<!-- /figures -->"


def summary(matrices: Sequence[Matrix], version: str, seconds: float) -> str:
    lines = [
        f"{m.name}: {m.calls} calls, {len(m.results)} of {m.possible} trials, "
        f"{len(m.red)} red, {len(m.unreached)} not reached"
        for m in matrices
    ]
    return "\n".join([*lines, f"in {seconds / 60:.1f} minutes, code {version[:12]}"])


def missing(parts: Sequence[Part], untried: Sequence[Plan]) -> str:
    """What has to be done for the campaign to be whole."""
    of_parts = [plan for plan in untried if any(part.has_any([plan]) for part in parts)]
    shown = [f"  {plan}" for plan in of_parts[:_SHOWN]]
    more = [f"  and {len(of_parts) - _SHOWN} more"] if len(of_parts) > _SHOWN else []
    return "\n".join(
        [
            f"not whole: run it again. Left: {'; '.join(map(str, parts))}",
            f"{len(of_parts)} recorded trials were not made, and those of parts that nobody has recorded",
            *shown,
            *more,
        ]
    )


def write(file: Path, matrices: Sequence[Matrix], version: str) -> None:
    """Into the place that the file has for them."""
    before, rest = file.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    file.write_text(f"{before}{_BEGIN}\n{figures(matrices, version)}\n{_END}{after}")


def figures(matrices: Sequence[Matrix], version: str) -> str:
    trials = sum(len(m.results) for m in matrices)
    hours = sum(result.seconds for m in matrices for _, result in m.results) / 3600
    red = [
        line
        for m in matrices
        for plan, result in m.red
        for line in (f"- `{plan}`", *(f"  - `{text.strip()}`" for text in result.differences))
    ]
    return "\n".join(
        [
            f"Code {version[:12]}: {trials} trials, {hours:.1f} hours if made one after the other.",
            "",
            "| matrix | calls that write | trials | faults | not reached | different from undisturbed runs |",
            "| --- | --- | --- | --- | --- | --- |",
            *(
                f"| {m.name} | {m.calls} | {len(m.results)} of {m.possible} | {_kinds(m)} "
                f"| {len(m.unreached)} | {len(m.red)} |"
                for m in matrices
            ),
            *(["", "Differences:", "", *red] if red else []),
        ]
    )


def _kinds(matrix: Matrix) -> str:
    counted = Counter(plan.fault.kind for plan, _ in matrix.results)
    return ", ".join(f"{number} {kind}" for kind, number in counted.items())
