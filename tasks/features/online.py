"""The online store: read event times, put and delete records. Every call may be repeated.

Of one event time, a repeated put writes the same values online, and one more row to the offline store, of which readers
count the first (tasks/features/offline.py). A repeated delete changes nothing online.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from contracts.shop.customer_features import EVENT_TIME
from tasks.errors import SystemFault, TransientError, aws_failures
from tasks.services import aws

AT_ONCE = 100
"""How many records BatchGetRecord reads."""
_TRIES = 5
_PASSING = ("InternalFailure", "ServiceUnavailable", "ThrottlingException")
"""Errors of single records that another try may not have."""
_INVALID = ("ValidationError", "ValidationException")
_NO_GROUP = "Resource Not Found"


class Refused(Exception):
    """SageMaker does not take a record, whatever the number of tries."""


def event_times(group: str, ids: Sequence[str]) -> dict[str, str]:
    """The event time of each record that the online store serves."""
    found: dict[str, str] = {}
    doing, left = f"reading {len(ids)} records of {group}", list(ids)
    for _ in range(_TRIES):
        with aws_failures(doing):
            answer = aws.feature_store().batch_get_record(Identifiers=[_wanted(group, left)])
        errors = answer["Errors"]
        if lasting := [error for error in errors if error["ErrorCode"] not in _PASSING]:
            first = lasting[0]
            raise SystemFault(
                f"{doing}: {len(lasting)} failed, the first is {first['RecordIdentifierValueAsString']}: "
                f"{first['ErrorCode']} {first['ErrorMessage']}. Fix what the message names, then run again."
            )
        for record in answer["Records"]:
            values = {value["FeatureName"]: value["ValueAsString"] for value in record["Record"]}
            found[record["RecordIdentifierValueAsString"]] = values[EVENT_TIME]
        left = [error["RecordIdentifierValueAsString"] for error in errors]
        left += [
            id_ for some in answer["UnprocessedIdentifiers"] for id_ in some["RecordIdentifiersValueAsString"]
        ]
        if not left:
            return found
    raise TransientError(
        f"{doing}: {len(left)} were not processed in {_TRIES} tries. If it persists, run again later."
    )


def put(group: str, record: Mapping[str, str]) -> None:
    """Put a record into both stores. Raises Refused for one that breaks the group's rules."""
    values = [{"FeatureName": name, "ValueAsString": text} for name, text in record.items()]
    with aws_failures(f"putting a record into {group}"):
        try:
            aws.feature_store().put_record(FeatureGroupName=group, Record=values)
        except ClientError as error:
            answer = error.response.get("Error", {})
            message = answer.get("Message", "")
            if answer.get("Code") in _INVALID and not message.startswith(_NO_GROUP):
                raise Refused(message) from error
            raise


def delete(group: str, id_: str, event_time: str) -> None:
    """Delete a record of an earlier event. The mark that stays keeps older records from coming back."""
    with aws_failures(f"deleting a record of {group}"):
        aws.feature_store().delete_record(
            FeatureGroupName=group,
            RecordIdentifierValueAsString=id_,
            EventTime=event_time,
            DeletionMode="SoftDelete",
        )


def _wanted(group: str, ids: Sequence[str]) -> dict[str, Any]:
    return {
        "FeatureGroupName": group,
        "RecordIdentifiersValueAsString": list(ids),
        "FeatureNames": [EVENT_TIME],
    }
