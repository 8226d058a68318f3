"""The lake's side of a reconciliation: checksums of what it last knew of each key, computed by a Glue job."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.dialects.arrow_types import arrow_type
from contracts.language.dataset import Dataset
from contracts.language.document import document
from tasks.extraction.bronze import Place
from tasks.intake import landing
from tasks.jobs import external_jobs, glue
from tasks.lake import lake_tables
from tasks.services import objects
from tasks.services.ranges import Ranges
from tasks.settings import settings

Sums = Mapping[int, tuple[int, str]]
"""By bucket: how many rows it has, and the sum of their digests."""
_ROWS_A_BUCKET = 2_000
_FEWEST, _MOST = 16, 65_536
FOLDER = "runs/digest"


@dataclass(frozen=True)
class Snapshots:
    """What the lake has of an entity: snapshots of its tables, None if there is no table or nothing in it."""

    bronze: int | None
    quarantine: int | None
    rows: int
    """That the files hold: all versions."""

    @property
    def buckets(self) -> int:
        """So many that each has some thousand keys: few enough to read, and few buckets enough to compare."""
        wanted = max(self.rows // _ROWS_A_BUCKET, 1)
        return min(max(1 << (wanted - 1).bit_length(), _FEWEST), _MOST)


def pinned(bronze: Place, quarantine: Place) -> Snapshots:
    good, broken = (lake_tables.load(place.namespace, place.name) for place in (bronze, quarantine))
    rows = sum(file.record_count for table in (good, broken) for file in lake_tables.live_files(table))
    return Snapshots(lake_tables.snapshot_id(good), lake_tables.snapshot_id(broken), rows)


class LakeDigest:
    """What a run of the job has found. Of an empty lake, nothing."""

    def __init__(self, key: pa.Schema, sums: Sums, files: Sequence[str]) -> None:
        self.sums = sums
        self._files = files
        self.schema = pa.schema(
            [
                *key,
                ("bucket", pa.int32()),
                ("digest", pa.string()),
                ("dated_at", pa.int64()),
                ("gone_at", pa.int64()),
            ]
        )

    @property
    def rows(self) -> int:
        return sum(rows for rows, _ in self.sums.values())

    def entries(self, buckets: Collection[int]) -> pa.Table:
        """The keys of some buckets: of each file, the parts that may have some are fetched."""
        wanted = pa.array(sorted(buckets), pa.int32())
        found = [
            part.filter(pc.is_in(part.column("bucket"), value_set=wanted))
            for file in self._files
            for part in self._parts(file, buckets)
        ]
        return pa.concat_tables([self.schema.empty_table(), *found])

    def _parts(self, address: str, buckets: Collection[int]) -> Iterator[pa.Table]:
        with pq.ParquetFile(pa.PythonFile(Ranges(address), "r")) as file:
            place = file.schema_arrow.get_field_index("bucket")
            for group in range(file.num_row_groups):
                known = file.metadata.row_group(group).column(place).statistics
                if known is None or any(known.min <= bucket <= known.max for bucket in buckets):
                    yield file.read_row_group(group, self.schema.names, use_threads=False).cast(self.schema)


def key_schema(dataset: Dataset) -> pa.Schema:
    return pa.schema([(name, arrow_type(dataset.column(name).kind)) for name in dataset.key])


def computed(
    dataset: Dataset,
    places: tuple[Place, Place],
    snapshots: Snapshots,
    columns: Sequence[str],
    pending: Path | None,
    owner: str,
) -> LakeDigest:
    """Digest what the snapshots have, except for the pending keys. A repeat by the same run finds the same job."""
    key = key_schema(dataset)
    if not snapshots.rows:
        return LakeDigest(key, {}, ())
    left_out = hashlib.sha256(pending.read_bytes()).hexdigest() if pending else None
    told = {
        "run": owner,
        "dataset": dataset.table,
        **asdict(snapshots),
        "columns": list(columns),
        "pending": left_out,
    }
    work = hashlib.sha256(json.dumps({**told, "code": settings().code_version}).encode()).hexdigest()[:24]

    def folder(attempt: int) -> str:
        return f"{FOLDER}/{work}-{attempt}"

    def whole(attempt: int) -> str:
        return f"s3://{settings().lake_bucket}/{folder(attempt)}"

    def request(attempt: int) -> dict[str, str]:
        bronze, quarantine = (
            lake_tables.files_of(place.namespace, place.name, snapshot)
            for place, snapshot in zip(places, (snapshots.bronze, snapshots.quarantine), strict=True)
        )
        manifest = {
            "run_id": owner,
            "contract": document(dataset),
            "columns": list(columns),
            "buckets": snapshots.buckets,
            "bronze": bronze,
            "quarantine": quarantine,
            "pending": objects.upload(pending, f"{whole(attempt)}/pending.parquet") if pending else None,
            "rows": snapshots.rows,
            "output": f"{whole(attempt)}/output",
        }
        address = landing.write_manifest(settings().lake_bucket, f"{folder(attempt)}/manifest.json", manifest)
        return {"--manifest": address, "--figures": whole(attempt)}

    entry = external_jobs.run(glue.KIND, settings().bronze_digest_job, f"digest/{work}", request, owner)
    figures = objects.read_json(f"{glue.written_by(entry, whole(entry.attempt))}/figures.json")
    sums = {int(bucket): (int(rows), str(total)) for bucket, (rows, total) in figures["buckets"].items()}
    return LakeDigest(key, sums, figures["files"])
