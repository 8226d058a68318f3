"""Replace the methods of moto that answer AWS actions, and restore them when the server stops."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, cast

from moto.core.exceptions import JsonRESTError
from moto.core.responses import BaseResponse

Action = Callable[[Any], Any]
_ABSENT = object()


class Overrides:
    """The patches to moto's classes. These are shared by the whole process, so `undo` restores the originals."""

    def __init__(self) -> None:
        self._originals: list[tuple[type | ModuleType, str, object]] = []

    def replace(self, owner: type | ModuleType, name: str, value: object) -> None:
        self._originals.append((owner, name, owner.__dict__.get(name, _ABSENT)))
        setattr(owner, name, value)

    def wrap(self, responses: type[BaseResponse], action: str, wrapper: Callable[[Action], Action]) -> None:
        self.replace(responses, action, wrapper(cast(Action, getattr(responses, action))))

    def undo(self) -> None:
        while self._originals:
            owner, name, original = self._originals.pop()
            if original is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, original)


def one_at_a_time() -> Callable[[Action], Action]:
    """What wraps actions of which none may begin while another is under way."""
    lock = threading.Lock()

    def wrapper(action: Action) -> Action:
        def guarded(response: Any) -> Any:
            with lock:
                return action(response)

        return guarded

    return wrapper


def refused(code: str, message: str) -> JsonRESTError:
    """An error in the format of the services with a JSON protocol, such as Glue."""
    return JsonRESTError(code, message)
