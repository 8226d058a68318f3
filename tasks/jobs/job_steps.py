"""The step that stops the jobs of runs that are over."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

from tasks.jobs import external_jobs
from tasks.step import step


@step("release orphaned jobs")
def release_orphans(run_id: str, keep: list[str]) -> list[str]:
    """Stop jobs whose run is over. A killed process cannot stop its own jobs, and they would occupy slots."""
    return external_jobs.release_orphans(run_id, _is_over, keep)


def _is_over(flow_run_id: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(flow_run_id).state  # type: ignore[arg-type]
        except ObjectNotFound:
            return True
    return state is not None and state.is_final()
