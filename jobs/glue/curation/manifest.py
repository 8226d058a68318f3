"""The manifest of a run: the input that the worker has fixed. The job reads nothing else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from contracts.language.dataset import Dataset
from contracts.language.document import from_document
from jobs.glue.curation import touched
from jobs.glue.curation.touched import Published
from jobs.glue.errors import DataError
from jobs.glue.request import Request


@dataclass(frozen=True)
class Input:
    """One input file. Rows of a replayed quarantine file have their own raw date and source file."""

    path: str
    raw_date: date
    rows: int
    columns: dict[str, str]
    replay: bool = False


@dataclass(frozen=True)
class Work:
    """One dataset's slice and all published files of its table, with the bounds of their keys.

    The warehouse may read `output`. Rejected rows are written to `quarantine`, and rows that are not yet sorted out to
    `staging`, which is empty again when the job is done.
    """

    dataset: Dataset
    run_id: str
    output: str
    quarantine: str
    staging: str
    inputs: tuple[Input, ...]
    history: tuple[Published, ...]

    @property
    def places(self) -> dict[str, str]:
        return {"output": self.output, "quarantine": self.quarantine, "staging": self.staging}

    def own(self, asked: Request) -> Work:
        """The same work, with places of this run alone."""
        return replace(
            self,
            output=asked.own(self.output),
            quarantine=asked.own(self.quarantine),
            staging=asked.own(self.staging),
        )

    def of_keys_alone(self) -> Work:
        """The same files with a contract of the key columns only, for reading keys without validating whole rows."""
        columns = tuple(
            replace(column, rules=tuple(rule for rule in column.rules if rule.limit is None))
            for column in self.dataset.columns
            if column.name in self.dataset.key
        )
        names = {column.name for column in columns}
        inputs = (
            replace(file, columns={c: t for c, t in file.columns.items() if c in names})
            for file in self.inputs
        )
        of_keys = replace(
            self.dataset, columns=columns, references=(), derived=(), version_column=None, is_whole=False
        )
        return replace(self, dataset=of_keys, inputs=tuple(inputs))

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.inputs)

    @property
    def is_replay(self) -> bool:
        return any(file.replay for file in self.inputs)

    @property
    def raw_dates(self) -> list[date]:
        return sorted({file.raw_date for file in self.inputs})

    @property
    def extra_columns(self) -> list[str]:
        delivered = {name for file in self.inputs if not file.replay for name in file.columns}
        return sorted(delivered - set(self.dataset.names))


def parse(text: str, origin: str) -> list[Work]:
    """Parse a manifest. Raises DataError that names the missing or invalid field."""
    try:
        document = json.loads(text)
        works = [_work(entry, document["run_id"]) for entry in document["datasets"]]
    except KeyError as error:
        raise DataError(f"manifest {origin} lacks the field {error}") from error
    except (TypeError, ValueError) as error:
        raise DataError(f"manifest {origin} cannot be read: {error}") from error
    for work in works:
        _check(work, origin)
    return works


def _work(entry: Mapping[str, Any], run_id: str) -> Work:
    dataset = from_document(entry["contract"])
    return Work(
        dataset=dataset,
        run_id=run_id,
        output=entry["output"].rstrip("/"),
        quarantine=entry["quarantine"].rstrip("/"),
        staging=entry["staging"].rstrip("/"),
        inputs=tuple(_input(file) for file in entry["inputs"]),
        history=tuple(_published(file, dataset) for file in entry["history"]),
    )


def _input(file: Mapping[str, Any]) -> Input:
    return Input(
        path=file["path"],
        raw_date=date.fromisoformat(file["raw_date"]),
        rows=int(file["rows"]),
        columns={name.lower(): type_name for name, type_name in file["columns"].items()},
        replay=bool(file.get("replay", False)),
    )


def _published(file: Mapping[str, Any], dataset: Dataset) -> Published:
    if not isinstance(file, Mapping):
        raise TypeError(f"the published file {file!r} is no object with a path and bounds")
    path, bounds = file["path"], file["bounds"]
    try:
        if not isinstance(bounds, Mapping):
            raise ValueError(f"the bounds {bounds!r} are no object of columns")
        return Published(path, touched.bounds_of(dataset, bounds))
    except ValueError as error:
        raise ValueError(f"published file {path}: {error}") from error


def _check(work: Work, origin: str) -> None:
    name = work.dataset.table
    if not work.inputs:
        raise DataError(f"manifest {origin} names no input for {name}")
    if twice := [path for path, n in Counter(file.path for file in work.inputs).items() if n > 1]:
        raise DataError(f"manifest {origin} names an input of {name} twice: {twice[0]}")
    read = [*(file.path for file in work.history), *(file.path for file in work.inputs)]
    for what, place in work.places.items():
        if within := [path for path in read if path.startswith(f"{place}/")]:
            raise DataError(
                f"the {what} of {name} holds a file that is read: {within[0]}; give the run one of its own"
            )
