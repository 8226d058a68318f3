"""A session's requests: one statement at a time, and each once, however often the connector sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import Response

_KEPT = 16


class Requests:
    def __init__(self) -> None:
        self._alone = asyncio.Lock()
        self._answers: dict[str, asyncio.Task[Response]] = {}

    async def answer(self, request_id: str | None, run: Callable[[], Awaitable[Response]]) -> Response:
        """The answer of `run`, or of the first request with this id: the connector gave up waiting and sends it again."""
        sent = self._answers.get(request_id) if request_id else None
        if sent is None:
            sent = asyncio.create_task(self._run_alone(run))
            if request_id:
                self._keep(request_id, sent)
        return await asyncio.shield(sent)  # the statement goes on if this client leaves

    async def _run_alone(self, run: Callable[[], Awaitable[Response]]) -> Response:
        async with self._alone:
            return await run()

    def _keep(self, request_id: str, sent: asyncio.Task[Response]) -> None:
        self._answers[request_id] = sent
        for known in list(self._answers)[:-_KEPT]:
            if self._answers[known].done():
                del self._answers[known]
