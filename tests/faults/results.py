"""What was tried and what came of it: kept line by line in a file, so that a campaign that was stopped can go on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.matrix import Plan
from tests.faults.trial import Result


@dataclass
class Matrix:
    name: str
    calls: int
    possible: int
    results: list[tuple[Plan, Result]] = field(default_factory=list)

    @property
    def red(self) -> list[tuple[Plan, Result]]:
        return [(plan, result) for plan, result in self.results if result.reached and result.differences]

    @property
    def unreached(self) -> list[Plan]:
        """Trials that tried nothing, because the run did not make the call: some come only if one of two steps is first."""
        return [plan for plan, result in self.results if not result.reached]

    @property
    def missed_bugs(self) -> list[Plan]:
        """Trials that once found a bug, and did not reach their call: who renames a call renames it in found.json, too."""
        return [plan for plan in self.unreached if plan.bug]


@dataclass(frozen=True)
class Share:
    """Which trials are of this part, where several divide them among themselves."""

    number: int = 0
    of: int = 1

    def has(self, plan: Plan) -> bool:
        return zlib.crc32(str(plan).encode()) % self.of == self.number


WHOLE = Share()


class Results:
    """Without a file they are only remembered. What another version of the code has shown counts for nothing."""

    def __init__(
        self,
        version: str,
        file: Path | None = None,
        known: Iterable[Path] = (),
    ) -> None:
        self.version = version
        self.matrices: dict[str, Matrix] = {}
        self._tried: set[str] = set()
        self.done: set[str] = set()
        """Parts of which every trial was made."""
        self._file = file
        for each in (*known, *([file] if file else [])):
            self._read(each)

    def begin(self, name: str, calls: int, possible: int) -> Matrix:
        matrix = self.matrices.setdefault(name, Matrix(name, calls, possible))
        if (matrix.calls, matrix.possible) != (calls, possible) or not matrix.results:
            matrix.calls, matrix.possible = calls, possible
            self._write({"matrix": name, "calls": calls, "possible": possible})
        return matrix

    def wants(self, plan: Plan) -> bool:
        return str(plan) not in self._tried

    def add(self, matrix: Matrix, plan: Plan, result: Result) -> None:
        self._note(matrix, plan, result)
        shown = {
            "differences": result.differences,
            "seconds": round(result.seconds, 1),
            **({} if result.reached else {"reached": False}),
        }
        self._write({"of": matrix.name, "plan": plan.as_json(), **shown})

    def finish(self, part: str) -> None:
        self.done.add(part)
        self._write({"part": part})

    def _note(self, matrix: Matrix, plan: Plan, result: Result) -> None:
        if str(plan) not in self._tried:
            self._tried.add(str(plan))
            matrix.results.append((plan, result))

    def _write(self, line: dict[str, Any]) -> None:
        if self._file:
            with self._file.open("a") as file:
                file.write(json.dumps({"version": self.version, **line}) + "\n")

    def _read(self, file: Path) -> None:
        lines = file.read_text().splitlines() if file.exists() else []
        for line in (line for line in map(json.loads, lines) if line["version"] == self.version):
            if "part" in line:
                self.done.add(line["part"])
            elif "matrix" in line:
                known = self.matrices.setdefault(line["matrix"], Matrix(line["matrix"], 0, 0))
                known.calls, known.possible = line["calls"], line["possible"]
            else:
                plan = Plan.of(line["plan"])
                reached = line.get("reached", True)
                result = Result(str(plan), line["differences"], seconds=line["seconds"], reached=reached)
                self._note(self.matrices[line["of"]], plan, result)


def gather(file: Path, parts: Iterable[Path]) -> None:
    """The lines of several campaigns in one file, in the order of their plans."""
    lines = {line for each in (file, *parts) if each.exists() for line in each.read_text().splitlines()}
    file.write_text("".join(f"{line}\n" for line in sorted(lines, key=_order)))


def _order(line: str) -> tuple[bool, str]:
    return "plan" in json.loads(line), line
