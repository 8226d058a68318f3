"""What was tried and what came of it: kept line by line in a file, so that a campaign that was stopped can go on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.matrix import Plan
from tests.faults.trial import Result


@dataclass
class Matrix:
    name: str
    results: list[tuple[Plan, Result]] = field(default_factory=list)
    untried: dict[str, Plan] = field(default_factory=dict)
    """Trials of calls that a recording has, and that were not made yet."""

    @property
    def possible(self) -> int:
        return len(self.results) + len(self.untried)

    @property
    def calls(self) -> int:
        every = {
            (plan.stage, plan.fault.at)
            for plan in (*(plan for plan, _ in self.results), *self.untried.values())
        }
        staged = {at for stage, at in every if stage}
        return sum(bool(stage) or at not in staged for stage, at in every)

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
        self._recorded = set(self.matrices)

    def expect(self, name: str, every: Iterable[Plan]) -> Matrix:
        """The matrix with these trials. Recordings of a run differ: those of the first round say what has to be tried."""
        matrix = self._matrix(name)
        new = [plan for plan in every if self.wants(plan) and str(plan) not in matrix.untried]
        new = [plan for plan in new if plan.bug or name not in self._recorded]
        matrix.untried.update((str(plan), plan) for plan in new)
        self._write(*({"of": name, "plan": plan.as_json(), "tried": False} for plan in new))
        return matrix

    def wants(self, plan: Plan) -> bool:
        return str(plan) not in self._tried

    @property
    def tried(self) -> int:
        return len(self._tried)

    @property
    def untried(self) -> list[Plan]:
        return [plan for matrix in self.matrices.values() for plan in matrix.untried.values()]

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
        matrix.untried.pop(str(plan), None)

    def _matrix(self, name: str) -> Matrix:
        return self.matrices.setdefault(name, Matrix(name))

    def _write(self, *lines: dict[str, Any]) -> None:
        """All of them or, for a process that is killed before, none."""
        if self._file:
            with self._file.open("a") as file:
                file.write("".join(json.dumps({"version": self.version, **line}) + "\n" for line in lines))

    def _read(self, file: Path) -> None:
        lines = file.read_text().splitlines() if file.exists() else []
        for line in (line for line in map(json.loads, lines) if line["version"] == self.version):
            if "part" in line:
                self.done.add(line["part"])
                continue
            matrix, plan = self._matrix(line["of"]), Plan.of(line["plan"])
            if line.get("tried", True):
                reached = line.get("reached", True)
                result = Result(str(plan), line["differences"], seconds=line["seconds"], reached=reached)
                self._note(matrix, plan, result)
            elif self.wants(plan):
                matrix.untried[str(plan)] = plan


def gather(file: Path, parts: Iterable[Path]) -> None:
    """The lines of several campaigns in one file, in the order of their plans."""
    texts = {line for each in (file, *parts) if each.exists() for line in each.read_text().splitlines()}
    lines = {text: json.loads(text) for text in texts}
    made = {_trial(line) for line in lines.values() if line.get("tried", True)}
    kept = [text for text, line in lines.items() if line.get("tried", True) or _trial(line) not in made]
    file.write_text(
        "".join(f"{text}\n" for text in sorted(kept, key=lambda text: ("plan" in lines[text], text)))
    )


def _trial(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["version"], str(Plan.of(line["plan"])) if "plan" in line else ""
