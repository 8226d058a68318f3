"""A run that another one outruns curates anew what was outrun, and only that, a bounded number of times."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows import write_audit_publish
from tasks.errors import BusinessError, StaleResult, SystemFault
from tasks.intake.landing import InputFile, Slice
from tasks.publishing.curated import Counts, Curated
from tasks.publishing.quality import Quality
from tasks.runs.run import Run
from tests.tasks.conftest import DAY

NONE = Counts(0, 0, 0, 0, 0)


def curated(dataset: str, base: int = 0) -> Curated:
    return Curated(Slice(dataset, ()), f"w{base}", base, "", NONE, {}, {}, {}, (), None, "")


class Future:
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def result(self) -> None:
        if self._error:
            raise self._error


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], dict[str, list[Exception | None]]]:
    """What was done, and how each dataset's next publications end."""
    done: list[Any] = []
    ends: dict[str, list[Exception | None]] = {}

    class Publish:
        @staticmethod
        def submit(c: Curated, run_id: str) -> Future:
            done.append(("publish", c.dataset, c.base))
            return Future(ends[c.dataset].pop(0))

    def curate_and_audit(run: Run, slices: list[Slice], limits: Quality) -> list[Curated]:
        done.append(("judge", *(s.dataset for s in slices)))
        return [curated(s.dataset, base=len(done)) for s in slices]

    monkeypatch.setattr(write_audit_publish, "publish", Publish)

    def relist(slice_: Slice) -> Slice:
        done.append(("list", slice_.dataset))
        return slice_

    monkeypatch.setattr(write_audit_publish, "curate_and_audit", curate_and_audit)
    monkeypatch.setattr(write_audit_publish, "relist", relist)
    monkeypatch.setattr(write_audit_publish, "require_whole", lambda _: None)
    monkeypatch.setattr(write_audit_publish, "log", lambda *_, **__: None)
    return done, ends


def publish_all() -> list[Curated]:
    run = Run("cpg-daily", DAY, DAY, run_id="r1")
    return write_audit_publish.publish_all(run, [curated("sales"), curated("sku")], Quality())


def test_what_was_outrun_is_judged_anew_and_the_rest_is_not(steps: Any) -> None:
    done, ends = steps
    ends |= {"sales": [StaleResult("faster"), None], "sku": [None]}
    assert [(c.dataset, c.base) for c in publish_all()] == [("sales", 4), ("sku", 0)]
    assert done == [
        ("publish", "sales", 0),
        ("publish", "sku", 0),
        ("list", "sales"),
        ("judge", "sales"),
        ("publish", "sales", 4),
    ]


def test_who_is_outrun_for_ever_gives_up(steps: Any) -> None:
    done, ends = steps
    ends |= {"sales": [StaleResult("faster")] * 3, "sku": [None]}
    with pytest.raises(StaleResult):
        publish_all()
    assert [step for step in done if step[0] == "judge"] == [("judge", "sales")] * 2


def test_another_failure_is_not_tried_again(steps: Any) -> None:
    done, ends = steps
    ends |= {"sales": [SystemFault("denied")], "sku": [None]}
    with pytest.raises(SystemFault):
        publish_all()
    assert ("judge", "sales") not in done


def test_what_changed_before_quarantine_is_listed_and_curated_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file landed while the job ran: the next job reads it too. What did not change is not computed again."""
    jobs: list[list[tuple[str, int]]] = []
    one, two = (InputFile(f"s3://l/{n}", DAY, 1, {}, "e") for n in "12")
    now = {"sales": Slice("sales", (one, two)), "sku": Slice("sku", (one,))}

    def curate_all(slices: list[Slice], run: Run) -> list[Curated]:
        jobs.append([(s.dataset, len(s.inputs)) for s in slices])
        return [replace(curated(s.dataset), slice=s) for s in slices]

    class PutAside:
        @staticmethod
        def submit(c: Curated, run_id: str) -> Future:
            return Future(None if c.slice == now[c.dataset] else StaleResult("a file came"))

    monkeypatch.setattr(write_audit_publish, "curate_all", curate_all)
    monkeypatch.setattr(write_audit_publish, "release_orphans", lambda *_: None)
    monkeypatch.setattr(write_audit_publish, "put_aside", PutAside)
    monkeypatch.setattr(write_audit_publish, "relist", lambda slice_: now[slice_.dataset])
    monkeypatch.setattr(write_audit_publish, "require_whole", lambda _: None)
    monkeypatch.setattr(write_audit_publish, "log", lambda *_, **__: None)
    run = Run("cpg-daily", DAY, DAY, run_id="r1")
    found = write_audit_publish.curate_and_quarantine(run, [Slice("sales", (one,)), now["sku"]])
    assert jobs == [[("sales", 1), ("sku", 1)], [("sales", 2)]]
    assert [c.slice for c in found] == [now["sales"], now["sku"]]

    now["sales"] = Slice("sales", ())  # changes for ever
    monkeypatch.setattr(write_audit_publish, "relist", lambda slice_: slice_)
    with pytest.raises(StaleResult):
        write_audit_publish.curate_and_quarantine(run, [Slice("sales", (one,))])
    assert len(jobs) == 2 + 3


@pytest.mark.parametrize("accepted", [False, True])
def test_a_delivery_that_is_cut_off_while_the_job_runs_is_refused_too(
    monkeypatch: pytest.MonkeyPatch, accepted: bool
) -> None:
    """The listing that the run began with was whole."""

    def refuse(slices: list[Slice]) -> None:
        if any(slice_.rows < 10 for slice_ in slices):
            raise BusinessError("cut off")

    cut_off = Slice("sku", (InputFile("s3://l/1", DAY, 3, {}, "e"),))
    monkeypatch.setattr(write_audit_publish, "relist", lambda _: cut_off)
    monkeypatch.setattr(write_audit_publish, "require_whole", refuse)
    run = Run("cpg-daily", DAY, DAY, {"accept_truncated": accepted}, run_id="r1")
    if accepted:
        assert write_audit_publish.relist_all(run, [curated("sku").slice]) == [cut_off]
    else:
        with pytest.raises(BusinessError, match="cut off"):
            write_audit_publish.relist_all(run, [curated("sku").slice])
