"""The inbox in the demo: partners' files are dropped into it, and the listener starts the run that takes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

import boto3
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort

from local import resources
from local.progress import Report
from local.sample.retail import Upload
from local.settings import LocalSettings
from local.sql import query

DEPLOYMENT = "retail-inbox"
PATIENCE_SECONDS = 180.0
_POLL_SECONDS = 0.5
_BETWEEN_WAVES_SECONDS = 1.1
"""S3 dates uploads to the second, and of two versions of one second nobody can tell the later."""
ObjectVersion = tuple[str, str]
"""A key and its version."""
Ends = dict[ObjectVersion, str]
"""The status of each that no longer waits."""


class InboxFailed(Exception):
    """A run of the inbox failed, or files have waited for too long."""


def show_inbox(
    client: SyncPrefectClient, settings: LocalSettings, uploads: Sequence[Upload], report: Report
) -> str:
    """Drop the files, wait until each has its end, and tell what became of them."""
    started, since = time.monotonic(), datetime.now(UTC)
    report(f"{len(uploads)} files of four partners go to s3://{resources.INBOX.name}/inbox/")
    put = deliver(uploads)
    if not settings.inbox_listener:
        sweep = client.read_deployment_by_name(f"{DEPLOYMENT}/{DEPLOYMENT}")
        client.create_flow_run_from_deployment(sweep.id)
    ends = ended(client, settings, put, since)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(Counter(ends.values()).items()))
    report(f"{DEPLOYMENT} {counts} in {time.monotonic() - started:.0f} s")
    return inbox_summary(settings)


def deliver(uploads: Sequence[Upload]) -> list[ObjectVersion]:
    """Put all files in their order. Returns the key and the version of each."""
    s3 = boto3.client("s3")
    put = []
    for wave, files in groupby(uploads, key=lambda upload: upload.wave):
        if wave > 1:
            time.sleep(_BETWEEN_WAVES_SECONDS)
        for upload in files:
            answer = s3.put_object(Bucket=resources.INBOX.name, Key=upload.key, Body=upload.body)
            put.append((upload.key, answer["VersionId"]))
    return put


def ended(
    client: SyncPrefectClient,
    settings: LocalSettings,
    put: Sequence[ObjectVersion],
    since: datetime,
    patience: float = PATIENCE_SECONDS,
) -> Ends:
    """Wait until each version is loaded, unchanged or refused, and no run of the inbox is under way."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        runs = _runs(client, since)
        _refuse_failed(runs, settings)
        if runs and all(run.state and run.state.is_final() for run in runs):
            ends = _ends(settings)
            if all(version in ends for version in put):
                return {version: ends[version] for version in put}
        time.sleep(_POLL_SECONDS)
    raise InboxFailed(
        f"files still wait in s3://{resources.INBOX.name}/inbox/ after {patience:.0f} s. Look at the runs of "
        f"{DEPLOYMENT} on {settings.prefect_url}, and at {settings.logs}/inbox-listener.log"
    )


def _runs(client: SyncPrefectClient, since: datetime) -> list[FlowRun]:
    """The runs that were due since then, the sweep's included."""
    found = client.read_flow_runs(
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[DEPLOYMENT])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
    )
    until = datetime.now(UTC)
    return [run for run in found if run.expected_start_time and since <= run.expected_start_time <= until]


def _refuse_failed(runs: Sequence[FlowRun], settings: LocalSettings) -> None:
    for run in runs:
        if run.state and run.state.is_final() and not run.state.is_completed():
            raise InboxFailed(
                f"{run.name} ended {run.state.name}: {run.state.message}\n"
                f"Its page: {settings.prefect_url}/runs/flow-run/{run.id}"
            )


def _ends(settings: LocalSettings) -> Ends:
    rows = query(
        "SELECT source_file, version_id, status FROM MONITORING.INBOX_FILES WHERE status <> 'waiting'",
        settings,
    ).rows
    return {(key, version): status for key, version, status in rows}


def inbox_summary(settings: LocalSettings) -> str:
    return "\n".join(
        [
            "What became of the partners' files (records = header + loaded + quarantined + blank)",
            query(_FILES, settings).indented(),
            "",
            "The partners' best stores",
            query(_STORES, settings).indented(),
        ]
    )


_FILES = """
SELECT COALESCE(kind, 'unknown') AS kind, status, COUNT(*) AS files, SUM(records) AS records, SUM(header_lines) AS header,
    SUM(rows_loaded) AS loaded, SUM(rows_quarantined) AS quarantined, SUM(blank_lines) AS blank,
    COUNT(DISTINCT encoding) AS encodings, COUNT(DISTINCT delimiter) AS delimiters
FROM MONITORING.INBOX_FILES GROUP BY kind, status ORDER BY status, kind"""

_STORES = """
SELECT store_group, rank_in_group, store_token, store_name, transactions, amount,
    ROUND(average_receipt, 2) AS average_receipt
FROM MARTS.RETAIL_STORE_PERFORMANCE WHERE rank_in_group = 1 ORDER BY store_group NULLS LAST"""
