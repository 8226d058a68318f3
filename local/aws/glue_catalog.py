"""Optimistic locking in the Glue catalog. Every Iceberg commit relies on it, and moto does not implement it."""

from __future__ import annotations

import json
from typing import Any

from moto.glue.responses import GlueResponse

from local.aws.actions import Action, Overrides, one_at_a_time, refused


def install(overrides: Overrides) -> None:
    def with_version_check(update_table: Action) -> Action:
        def update(response: Any) -> Any:
            request = json.loads(response.body)
            table = response.glue_backend.get_table(request["DatabaseName"], request["TableInput"]["Name"])
            current = table.as_dict()["VersionId"]
            if request.get("VersionId", current) != current:
                raise refused(
                    "ConcurrentModificationException",
                    f"Update table failed due to concurrent modifications: table version is {current}, "
                    f"not {request['VersionId']}.",
                )
            answer = update_table(response)
            if request.get("SkipArchive"):
                table.versions.pop(current, None)
            return answer

        return update

    overrides.wrap(GlueResponse, "update_table", with_version_check)
    guarded = one_at_a_time()
    for action in ("update_table", "create_table", "delete_table", "batch_delete_table"):
        overrides.wrap(GlueResponse, action, guarded)
