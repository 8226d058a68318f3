"""From landed files to judged, unpublished Parquet: one Glue run for a group of datasets.

The work's id is made of its inputs and of the snapshot that it builds on. The same question asked again, by a retry or
by a new run after a crash, finds the same job and its answer; a question about changed data is a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from contracts.language.dataset import SOURCE_DATE
from contracts.language.document import document
from tasks.intake import landing
from tasks.intake.landing import Slice
from tasks.intake.rules import rules_of
from tasks.jobs import external_jobs, glue
from tasks.lake import lake_log, lake_tables
from tasks.publishing.curated import Counts, Curated
from tasks.services import objects
from tasks.settings import settings

if TYPE_CHECKING:
    from pyiceberg.table import Table

STAGING = "runs/staging"
"""In the lake bucket. Rows that a job has not sorted out yet: the bucket's lifecycle deletes what a killed one leaves."""


def location(namespace: str, dataset: str) -> str:
    return f"s3://{settings().lake_bucket}/{namespace}/{dataset}"


def work_of(slice_: Slice, base: int | None) -> str:
    parts = (slice_.dataset, slice_.fingerprint(), str(base), settings().code_version)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def unchanged(slice_: Slice) -> Curated | None:
    """The slice's figures from its publication, if nothing else was published for the dataset since then.

    Other code may see the same files differently. A replay is never unchanged: what it read has yet to leave quarantine.
    """
    table = lake_tables.load(lake_tables.CURATED, slice_.dataset)
    last = lake_log.last_notes(table)
    asked = {"input": slice_.fingerprint(), "code": settings().code_version}
    if table is None or slice_.is_replay or any(last.get(note) != value for note, value in asked.items()):
        return None
    address = last["figures"]
    figures = objects.read_json(address)["datasets"][slice_.dataset]
    return _curated(
        slice_,
        last["work"],
        lake_tables.snapshot_id(table),
        "",
        figures,
        address,
        job_run_id=None,
        unchanged=True,
    )


@dataclass(frozen=True)
class Plan:
    """What one job is to do: slices, each on the snapshot that it builds on."""

    slices: tuple[Slice, ...]
    tables: dict[str, Table | None]

    @classmethod
    def of(cls, slices: Iterable[Slice]) -> Plan:
        slices = tuple(slices)
        return cls(slices, {s.dataset: lake_tables.load(lake_tables.CURATED, s.dataset) for s in slices})

    @property
    def bases(self) -> dict[str, int | None]:
        return {name: lake_tables.snapshot_id(table) for name, table in self.tables.items()}

    @property
    def works(self) -> dict[str, str]:
        bases = self.bases
        return {s.dataset: work_of(s, bases[s.dataset]) for s in self.slices}

    @property
    def group(self) -> str:
        return hashlib.sha256(" ".join(sorted(self.works.values())).encode()).hexdigest()[:24]

    @property
    def key(self) -> str:
        """The ledger's row of this job."""
        return f"curate/{self.group}"

    def folder(self, attempt: int) -> str:
        return f"runs/{self.group}-{attempt}"

    def figures(self, attempt: int) -> str:
        """The folder below which each run of the job writes its figures, in a folder of its own."""
        return f"s3://{settings().lake_bucket}/{self.folder(attempt)}"

    def output(self, dataset: str, attempt: int) -> str:
        """For the rows to publish. Snowflake may read them."""
        return f"{location(lake_tables.CURATED, dataset)}/data/{self._own(dataset, attempt)}"

    def quarantine(self, dataset: str, attempt: int) -> str:
        """For the rows that the job rejects."""
        return f"{location(lake_tables.QUARANTINE, dataset)}/data/{self._own(dataset, attempt)}"

    def staging(self, dataset: str, attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{STAGING}/{dataset}/{self._own(dataset, attempt)}"

    def _own(self, dataset: str, attempt: int) -> str:
        """Of this job alone: the same work may be part of another group's job. A run of it writes to a folder below."""
        return f"{self.works[dataset]}-{self.group[:8]}-{attempt}"

    def request(self, attempt: int, run_id: str) -> dict[str, str]:
        bucket = settings().lake_bucket
        manifest = {
            "run_id": run_id,
            "datasets": [
                {
                    "contract": document(rules_of(s.dataset)),
                    "output": self.output(s.dataset, attempt),
                    "quarantine": self.quarantine(s.dataset, attempt),
                    "staging": self.staging(s.dataset, attempt),
                    "inputs": [file.for_manifest() for file in s.inputs],
                    "history": published(s.dataset, self.tables[s.dataset]),
                }
                for s in self.slices
            ],
        }
        return {
            "--manifest": landing.write_manifest(bucket, f"{self.folder(attempt)}/manifest.json", manifest),
            "--figures": self.figures(attempt),
        }


def published(dataset: str, table: Table | None) -> list[dict[str, Any]]:
    """The table's files, each with the bounds that tell a job whether a key or raw date may be in it."""
    if table is None:
        return []
    from tasks.lake import file_bounds  # with it comes pyiceberg, which a run's first steps need not wait for

    columns = (*rules_of(dataset).key, SOURCE_DATE)
    files = sorted(lake_tables.live_files(table), key=lambda file: file.file_path)
    return [
        {"path": file.file_path, "bounds": file_bounds.bounds(file, table.schema(), columns)}
        for file in files
    ]


def curate(slices: Iterable[Slice], run_id: str) -> list[Curated]:
    """Run the job over the slices and read its figures. Nothing that it writes is visible to anyone yet."""
    plan = Plan.of(slices)
    entry = external_jobs.run(
        glue.KIND, settings().curate_job, plan.key, lambda attempt: plan.request(attempt, run_id), run_id
    )
    figures_address = f"{glue.written_by(entry, plan.figures(entry.attempt))}/figures.json"
    figures = objects.read_json(figures_address)["datasets"]
    return [
        _curated(
            s,
            plan.works[s.dataset],
            plan.bases[s.dataset],
            glue.written_by(entry, plan.output(s.dataset, entry.attempt)),
            figures[s.dataset],
            figures_address,
            job_run_id=entry.external_id,
            quarantine=glue.written_by(entry, plan.quarantine(s.dataset, entry.attempt)),
        )
        for s in plan.slices
    ]


def _curated(
    slice_: Slice,
    work: str,
    base: int | None,
    output: str,
    figures: dict[str, Any],
    figures_address: str,
    *,
    job_run_id: str | None,
    quarantine: str = "",
    unchanged: bool = False,
) -> Curated:
    return Curated(
        slice=slice_,
        work=work,
        base=base,
        output=output,
        quarantine=quarantine,
        total=Counts.read(figures),
        by_date={date.fromisoformat(d): Counts.read(f) for d, f in sorted(figures["by_date"].items())},
        reasons=dict(figures["reasons"]),
        uncast=dict(figures["uncast"]),
        touched_files=tuple(figures["touched_files"]),
        job_run_id=job_run_id,
        figures_address=figures_address,
        unchanged=unchanged,
        rows_written=figures["rows_written"],
        rows_survivors=figures["rows_survivors"],
    )


def output_files(curated: Curated, folder: str) -> tuple[str, ...]:
    """The Parquet files that the job wrote into a folder of its output."""
    return _parquet_files(f"{curated.output}/{folder}/")


def rejected_files(curated: Curated) -> tuple[str, ...]:
    """The Parquet files with the rows that the job rejected."""
    return _parquet_files(f"{curated.quarantine}/")


def _parquet_files(folder: str) -> tuple[str, ...]:
    return tuple(file.address for file in objects.listed(folder) if file.key.endswith(".parquet"))
