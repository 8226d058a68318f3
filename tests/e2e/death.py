"""Arranges that this process dies by SIGKILL at a chosen call, as if the machine had been pulled from under it."""

from __future__ import annotations

import functools
import importlib
import os
import signal
from typing import Any, Literal


def arrange(target: str, when: Literal["before", "after"], nth: int = 1) -> None:
    """`target` is "module:function" or "module:Class.method"; the process dies before or after its nth call."""
    module_name, _, name = target.partition(":")
    *owners, name = name.split(".")
    owner: Any = importlib.import_module(module_name)
    for each in owners:
        owner = getattr(owner, each)
    original = getattr(owner, name)
    calls = 0

    @functools.wraps(original)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        is_the_one = calls == nth  # others may come in while this one is under way
        if is_the_one and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if is_the_one:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)
