"""Rules of a gate: a limit that is met is kept, an unknown figure is not, and the best approved model is compared with."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.verdicts import Approved, Verdict, all_passed, as_list, at_least, at_most, ratio


@given(st.lists(st.none() | st.floats(0.01, 2) | st.just(math.nan)))
def test_the_best_approved_model_is_the_one_to_compare_with(figures: list[float | None]) -> None:
    least, most = Approved.of(figures), Approved.of(figures, max)
    known = [figure for figure in figures if figure is not None and not math.isnan(figure)]
    assert (least is None) == (most is None) == (not figures)
    if least is not None and most is not None:
        assert least.best == (min(known) if known else None)
        assert most.best == (max(known) if known else None)


@pytest.mark.parametrize(
    ("value", "limit", "most", "least"),
    [
        (0.1, 0.2, True, False),
        (0.2, 0.2, True, True),
        (0.1 + 0.2, 0.3, True, True),
        (0.3, 0.2, False, True),
        (None, 0.2, False, False),
        (0.2, None, False, False),
    ],
)
def test_a_limit_that_is_met_is_kept(
    value: float | None, limit: float | None, most: bool, least: bool
) -> None:
    assert at_most("loss", value, limit).passed is most
    assert at_least("loss", value, limit).passed is least


def test_verdicts_are_told_with_their_figures() -> None:
    verdicts = [
        at_most("loss", 0.5, 0.25),
        Verdict("skill", 1.0, 0.5, True, "too few rows"),
        at_least("auc", None, 0.5),
    ]
    assert as_list(verdicts).splitlines() == [
        "- loss = 0.5000 (limit 0.2500) FAILED",
        "- skill = 1.0000 (limit 0.5000) not judged: too few rows",
        "- auc = unknown (limit 0.5000) FAILED",
    ]
    assert not all_passed(verdicts)
    assert all_passed(verdicts[1:2])


def test_of_two_perfect_methods_neither_is_better() -> None:
    assert (ratio(0.0, 0.0), ratio(1.0, 0.0), ratio(1.0, 2.0), ratio(None, 2.0)) == (1.0, None, 0.5, None)
