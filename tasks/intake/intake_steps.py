"""The steps of a run before it changes anything: find its files, and check that they are whole."""

from __future__ import annotations

from datetime import date

from tasks.events import log
from tasks.intake import landing, truncation
from tasks.intake.landing import Slice
from tasks.settings import settings
from tasks.step import step


@step("preflight")
def preflight(datasets: list[str], first: date, last: date) -> list[Slice]:
    """Check that every source has landed and every file is intact and matches its contract, before anything is changed."""
    bucket = settings().lake_bucket
    found = landing.find(bucket, datasets, first, last)
    slices = [landing.inspect(bucket, dataset, files) for dataset, files in found.items()]
    for slice_ in slices:
        log(
            "landed",
            dataset=slice_.dataset,
            files=len(slice_.inputs),
            rows=slice_.rows,
            extra_columns=",".join(slice_.extra_columns) or None,
            missing_columns=",".join(slice_.missing_columns) or None,
        )
    return slices


@step("check for truncated snapshots")
def require_whole(slices: list[Slice]) -> None:
    """Reject a master or promotion calendar that looks truncated, before anything is changed."""
    truncation.require_whole(slices)


@step("relist files", task_run_name="relist files of {slice_.dataset}")
def relist(slice_: Slice) -> Slice:
    """List the slice's files again. A concurrent run that published first may have read files that this run has not."""
    return landing.relist(settings().lake_bucket, slice_)
