"""The runs of the inbox, as Prefect takes them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.exceptions import ObjectNotFound

from deployments.inbox_events import Batch

DEPLOYMENT: Final = "retail-inbox/retail-inbox"


class NoRunsTaken(Exception):
    """Prefect is unreachable or refuses. The messages have to wait."""


class Runs:
    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client

    def deployment(self) -> UUID:
        """The id of the deployment. Raises NoRunsTaken unless Prefect answers and knows it."""
        try:
            return self._client.read_deployment_by_name(DEPLOYMENT).id
        except ObjectNotFound as error:
            raise NoRunsTaken(
                f"Prefect knows no deployment {DEPLOYMENT}: register it with `prefect deploy --all`"
            ) from error
        except httpx.HTTPError as error:
            raise _not_taken("asking for the deployment", error) from error

    def start(self, batch: Batch) -> str:
        """The name of the batch's run. A second call for the same object versions returns the same run."""
        deployment = self.deployment()
        try:
            run = self._client.create_flow_run_from_deployment(
                deployment,
                parameters={"keys": batch.keys, "retry_refused": False},
                idempotency_key=batch.idempotency_key,
            )
        except httpx.HTTPError as error:
            raise _not_taken(f"starting a run for {len(batch.keys)} files", error) from error
        return run.name


def _not_taken(doing: str, error: httpx.HTTPError) -> NoRunsTaken:
    # Of a refusal, Prefect's client tells the server's answer in more than one line.
    reason = " ".join(f"{type(error).__name__} {error}".split())
    return NoRunsTaken(
        f"{doing}: {reason}. The messages wait in the queue: check the Prefect server, PREFECT_API_URL and its login"
    )
