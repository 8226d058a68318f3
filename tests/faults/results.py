"""What was tried and what came of it: kept line by line in a file, so that a campaign that was stopped can go on."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
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
        return [(plan, result) for plan, result in self.results if not result.is_green]


@dataclass(frozen=True)
class Share:
    """Which trials are this campaign's, where several divide them among themselves."""

    number: int = 0
    of: int = 1

    def has(self, plan: Plan) -> bool:
        return zlib.crc32(str(plan).encode()) % self.of == self.number


class Results:
    """Without a file they are only remembered. Lines of another commit count for nothing."""

    def __init__(self, commit: str, file: Path | None = None, share: Share = Share()) -> None:
        self.commit = commit
        self.matrices: dict[str, Matrix] = {}
        self._file = file
        self._share = share
        if file and file.exists():
            for line in file.read_text().splitlines():
                self._take(json.loads(line))

    def begin(self, name: str, calls: int, possible: int) -> Matrix:
        if name not in self.matrices:
            self.matrices[name] = Matrix(name, calls, possible)
            self._write({"matrix": name, "calls": calls, "possible": possible})
        return self.matrices[name]

    def wants(self, matrix: Matrix, plan: Plan) -> bool:
        return self._share.has(plan) and all(str(plan) != str(done) for done, _ in matrix.results)

    def add(self, matrix: Matrix, plan: Plan, result: Result) -> None:
        matrix.results.append((plan, result))
        self._write({"of": matrix.name, "plan": plan.as_json(), "result": asdict(result)})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file:
            with self._file.open("a") as file:
                file.write(json.dumps({"commit": self.commit, **line}) + "\n")

    def _take(self, line: dict[str, Any]) -> None:
        if line["commit"] != self.commit:
            return
        if "matrix" in line:
            self.matrices[line["matrix"]] = Matrix(line["matrix"], line["calls"], line["possible"])
        else:
            self.matrices[line["of"]].results.append((Plan.of(line["plan"]), Result(**line["result"])))


def joined(shares: Iterable[Results]) -> list[Matrix]:
    """The same matrices, tried in shares."""
    whole: dict[str, Matrix] = {}
    for share in shares:
        for matrix in share.matrices.values():
            known = whole.setdefault(matrix.name, Matrix(matrix.name, matrix.calls, matrix.possible))
            known.results += matrix.results
    return list(whole.values())
