"""One run of the retail inbox in a process of its own, for a benchmark to measure: python -m bench.inbox_run <key>.

Prints as JSON what the run says, and when each of its steps began and ended.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import State

from flows.retail_inbox import retail_inbox


def main(key: str) -> None:
    state: State[Any] = retail_inbox(keys=[key], return_state=True)
    run_id = state.state_details.flow_run_id
    if run_id is None or not state.is_completed():
        raise SystemExit(f"the run ended {state.name}: {state.message}")
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    with get_client(sync_client=True) as client:
        steps = client.read_task_runs(flow_run_filter=wanted)
    told = {
        step.name.rpartition("-")[0]: [step.start_time.timestamp(), step.end_time.timestamp()]
        for step in steps
        if step.start_time and step.end_time
    }
    said: dict[str, Any] = state.result()
    print(json.dumps({**said, "steps": told}))


if __name__ == "__main__":
    main(sys.argv[1])
