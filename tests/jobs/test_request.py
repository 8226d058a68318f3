"""Two runs of one request share no place; an argument that is not ours is passed over."""

from __future__ import annotations

import pytest

from jobs.glue import request
from jobs.glue.errors import AnotherRelease

ASKED = [
    "--JOB_ID",
    "j_9",
    "--manifest",
    "s3://lake/runs/g-1/manifest.json",
    "--figures",
    "s3://lake/runs/g-1/",
]


def test_each_run_has_a_place_of_its_own() -> None:
    one, twin = (request.parse("curate", [*ASKED, "--JOB_RUN_ID", run]) for run in ("jr_1", "jr_2"))
    assert one.manifest == twin.manifest == "s3://lake/runs/g-1/manifest.json"
    assert (one.figures, twin.figures) == (
        "s3://lake/runs/g-1/jr_1/figures.json",
        "s3://lake/runs/g-1/jr_2/figures.json",
    )
    assert one.own("s3://lake/curated/sales/data/w/") == "s3://lake/curated/sales/data/w/jr_1"
    assert twin.own("s3://lake/curated/sales/data/w") == "s3://lake/curated/sales/data/w/jr_2"


def test_a_run_that_is_not_told_its_id_does_not_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        request.parse("curate", ASKED)
    assert "--JOB_RUN_ID" in capsys.readouterr().err


@pytest.mark.parametrize("ours", [["--code_version", "new"], []])
def test_a_job_of_another_release_than_its_caller_does_nothing(ours: list[str]) -> None:
    """The caller compared before a release changed the job."""
    asked = [*ASKED, "--JOB_RUN_ID", "jr_1", *ours, "--callers_code_version", "old"]
    with pytest.raises(AnotherRelease, match=r"than the run that started it: (new|None) here, old there"):
        request.parse("curate", asked)


@pytest.mark.parametrize("told", [["--callers_code_version", "new"], []])
def test_a_job_of_its_callers_release_is_run(told: list[str]) -> None:
    asked = [*ASKED, "--JOB_RUN_ID", "jr_1", "--code_version", "new", *told]
    assert request.parse("curate", asked).run == "jr_1"
