"""`python -m deployments.worker`: the `prefect` command whose ECS worker is healthy only while it hears how tasks end.

prefect-aws reads the queue of task events in an asyncio task beside the worker, its observer. It is restarted five times in
the life of the process; at the sixth failure, or when the queue does not exist, it ends for good and the worker goes on.
Crashed runs are then never noticed. Such a worker says so where ECS asks for its health, and ECS replaces it.
"""

from __future__ import annotations

import warnings

from prefect.cli import app as prefect_command
from prefect_aws.observers import ecs as observers
from prefect_aws.workers.ecs_worker import ECSWorker


def hears_of_endings() -> bool:
    """False once the observer has ended and nothing will start it again. Until its first start there is nothing to say."""
    observer, restart = observers._observer_task, observers._observer_restart_task
    is_restarting = restart is not None and not restart.done()
    return observer is None or not observer.done() or is_restarting


# Prefect warns that a second class has the type `ecs`, and then uses it: that is the way in.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*matches existing registered type.*", category=UserWarning)

    class Worker(ECSWorker):  # type: ignore[misc]  # prefect-aws has no types
        def is_worker_still_polling(self, query_interval_seconds: float) -> bool:
            """The one question that Prefect's server for health checks asks."""
            if not hears_of_endings():
                self._logger.error(
                    "The observer of ECS tasks has ended for good: crashed runs are not noticed. "
                    "This worker has to be replaced."
                )
                return False
            return bool(super().is_worker_still_polling(query_interval_seconds))


if __name__ == "__main__":
    prefect_command()
