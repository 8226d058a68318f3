"""What was tried and what came of it: kept line by line in a file, so that a campaign that was stopped can go on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.matrix import Plan, found
from tests.faults.trial import Result


@dataclass
class Matrix:
    name: str
    results: list[tuple[Plan, Result]] = field(default_factory=list)
    untried: dict[str, Plan] = field(default_factory=dict)
    """Trials of calls that a recording has, and that were not made yet."""

    @property
    def scenario(self) -> str:
        return self.name.split(",")[0]

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
        return [plan for plan in self.unreached if plan in found()]


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
        self._recorded: set[str] = set()
        for each in (*known, *([file] if file else [])):
            self._read(each)

    def expect(self, name: str, every: Iterable[Plan]) -> Matrix:
        """The matrix, with these trials if no earlier round has recorded any. Trials that found a bug are always added."""
        matrix = self._matrix(name)
        new = [plan for plan in every if self.wants(plan) and (plan.bug or name not in self._recorded)]
        matrix.untried.update((str(plan), plan) for plan in new)
        lines = [{"of": name, "plan": plan.as_json(), "tried": False} for plan in new]
        self._write(*lines, {"recorded": name})
        return matrix

    def wants(self, plan: Plan) -> bool:
        return str(plan) not in self._tried

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
        if self._file:
            with self._file.open("a") as file:
                file.write("".join(json.dumps({"version": self.version, **line}) + "\n" for line in lines))

    def _read(self, file: Path) -> None:
        for line in (line for line in map(json.loads, _lines(file)) if line["version"] == self.version):
            if "part" in line:
                self.done.add(line["part"])
            elif "recorded" in line:
                self._recorded.add(line["recorded"])
            elif "plan" in line:
                self._read_trial(self._matrix(line["of"]), Plan.of(line["plan"]), line)

    def _read_trial(self, matrix: Matrix, plan: Plan, line: Mapping[str, Any]) -> None:
        if line.get("tried", True):
            reached = line.get("reached", True)
            result = Result(str(plan), line["differences"], seconds=line["seconds"], reached=reached)
            self._note(matrix, plan, result)
        elif self.wants(plan) and (not plan.bug or plan in found()):
            matrix.untried[str(plan)] = plan


def gather(file: Path, parts: Iterable[Path]) -> None:
    """Move the lines of several campaigns into one file, in the order of their plans. Killed on the way, it loses none."""
    parts = [part for part in parts if part.exists()]
    lines = {text: json.loads(text) for each in (file, *parts) for text in _lines(each)}
    made = {_trial(line) for line in lines.values() if line.get("tried", True)}
    kept = [text for text, line in lines.items() if line.get("tried", True) or _trial(line) not in made]
    written = file.with_name(f"{file.name}.new")
    written.write_text(
        "".join(f"{text}\n" for text in sorted(kept, key=lambda text: ("plan" in lines[text], text)))
    )
    written.replace(file)
    for part in parts:
        part.unlink()


def _lines(file: Path) -> list[str]:
    """Whole lines: the last one of a process that was killed may be cut off."""
    return file.read_text().split("\n")[:-1] if file.exists() else []


def _trial(line: Mapping[str, Any]) -> tuple[str, str]:
    plan = {name: value for name, value in line.get("plan", {}).items() if name != "bug"}
    return line["version"], json.dumps(plan, sort_keys=True)
