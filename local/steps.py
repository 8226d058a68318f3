"""Run steps concurrently, each as soon as the steps that it needs are done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    name: str
    action: Callable[[threading.Event], None]
    after: tuple[str, ...] = ()


def run(steps: Sequence[Step]) -> None:
    """Run all steps, or raise the first failure. Each step gets an event that tells it to stop waiting."""
    cancelled = threading.Event()
    waiting = list(steps)
    done: set[str] = set()
    running: dict[Future[None], Step] = {}
    with ThreadPoolExecutor(max_workers=len(steps) or 1) as pool:
        try:
            while waiting or running:
                startable = [step for step in waiting if done.issuperset(step.after)]
                if not startable and not running:
                    raise ValueError(f"steps that wait for each other: {[step.name for step in waiting]}")
                for step in startable:
                    waiting.remove(step)
                    running[pool.submit(step.action, cancelled)] = step
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    step = running.pop(future)
                    future.result()
                    done.add(step.name)
        except BaseException:
            cancelled.set()
            raise
