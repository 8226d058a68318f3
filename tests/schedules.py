"""No deployment runs by its schedule beside the tests."""

from __future__ import annotations

from prefect.client.orchestration import get_client


def pause_schedules() -> None:
    """The nightly run, due at 20:30 UTC, and the inbox's sweeps would work beside whatever test is running then."""
    with get_client(sync_client=True) as client:
        for deployment in client.read_deployments():
            for schedule in deployment.schedules:
                client.update_deployment_schedule(deployment.id, schedule.id, active=False)
