from __future__ import annotations

import threading

import pytest

from local.steps import Step, run


def test_a_step_waits_for_those_it_needs() -> None:
    order: list[str] = []

    def noting(name: str, after: tuple[str, ...] = ()) -> Step:
        return Step(name, lambda _: order.append(name), after)

    run([noting("c", ("a", "b")), noting("b", ("a",)), noting("a")])

    assert order == ["a", "b", "c"]


def test_independent_steps_overlap() -> None:
    both_are_in = threading.Barrier(2, timeout=5)

    run([Step("a", lambda _: both_are_in.wait() and None), Step("b", lambda _: both_are_in.wait() and None)])


def test_the_first_failure_ends_the_waiting_of_the_others() -> None:
    saw_the_end: list[bool] = []

    def fails(_: threading.Event) -> None:
        raise RuntimeError("a broke")

    def waits(cancelled: threading.Event) -> None:
        saw_the_end.append(cancelled.wait(5))

    with pytest.raises(RuntimeError, match="a broke"):
        run([Step("waits", waits), Step("fails", fails), Step("never", waits, after=("fails",))])

    assert saw_the_end == [True]


def test_steps_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"wait for each other: \['a', 'b'\]"):
        run([Step("a", lambda _: None, after=("b",)), Step("b", lambda _: None, after=("a",))])
