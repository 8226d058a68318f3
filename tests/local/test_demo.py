"""The two halves of the demo, side by side."""

from __future__ import annotations

import threading

import pytest

from local import demo, demo_data
from local.demo import DemoFailed
from local.progress import silent
from local.settings import LocalSettings


def test_when_one_half_fails_the_other_is_followed_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = threading.Event()

    def sales(*_: object) -> None:
        followed.wait(10)
        raise DemoFailed("cpg-daily ended Failed")

    def others(runs: demo._Runs) -> str:
        followed.set()
        assert runs._is_over.wait(10)
        raise DemoFailed("was not followed to its end")

    monkeypatch.setattr(demo, "_sales", sales)
    monkeypatch.setattr(demo, "_others", others)
    with pytest.raises(DemoFailed, match="cpg-daily ended Failed"):
        demo._side_by_side(demo._Runs(LocalSettings(), silent), demo_data.sample())
