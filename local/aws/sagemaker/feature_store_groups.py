"""Feature groups: CreateFeatureGroup and what AWS refuses there, Describe, List and Delete."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, EmptyResult
from moto.sagemaker.responses import SageMakerResponse

from local.aws.actions import Overrides, refused
from local.aws.sagemaker.listing import page
from local.aws.sagemaker.requests import refuse

NAME = re.compile(r"[a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}")
ADDED = ("write_time", "api_invocation_time", "is_deleted")
"""What AWS adds to the rows of the offline store: no feature may be called so."""
_NOUN = "FeatureGroup"
_EVENT_TIMES = ("String", "Fractional")
_TYPES = ("Integral", "Fractional", "String")
_SECONDS = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86400, "Weeks": 604800}


@dataclass(eq=False)
class FeatureGroup:
    """A feature group. `uid` tells it from a later one of the same name."""

    name: str
    arn: str
    identifier: str
    event_time: str
    types: Mapping[str, str]
    """Each feature's type, in the order of the definitions."""
    online: Mapping[str, Any] | None
    offline: Mapping[str, Any] | None
    location: str
    """Where the offline store's files are: ResolvedOutputS3Uri. Empty without an offline store."""
    request: Mapping[str, Any]
    created: datetime
    tags: list[dict[str, str]]
    uid: str = field(default_factory=lambda: uuid4().hex)
    blocked: str = ""
    """Why rows do not reach the offline store, if they do not."""

    @property
    def ttl_seconds(self) -> int | None:
        return seconds_of((self.online or {}).get("TtlDuration"))

    def description(self) -> dict[str, Any]:
        kept = ("FeatureDefinitions", "RoleArn", "Description", "ThroughputConfig")
        found = {
            **self.summary(),
            "RecordIdentifierFeatureName": self.identifier,
            "EventTimeFeatureName": self.event_time,
            "ThroughputConfig": {"ThroughputMode": "OnDemand"},
            **{name: self.request[name] for name in kept if name in self.request},
        }
        if self.online is not None:
            found["OnlineStoreConfig"] = {**self.online, "EnableOnlineStore": True}
        if self.offline is not None:
            storage = {**self.offline["S3StorageConfig"], "ResolvedOutputS3Uri": self.location}
            found["OfflineStoreConfig"] = {**self.offline, "S3StorageConfig": storage}
        return found

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "FeatureGroupName": self.name,
            "FeatureGroupArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.created,
            "FeatureGroupStatus": "Created",
        }
        if self.offline is not None:
            found["OfflineStoreStatus"] = (
                {"Status": "Blocked", "BlockedReason": self.blocked} if self.blocked else {"Status": "Active"}
            )
        return found


def seconds_of(duration: Mapping[str, Any] | None) -> int | None:
    """A TtlDuration in seconds."""
    return duration["Value"] * _SECONDS[duration["Unit"]] if duration else None


def not_found(name: str) -> str:
    return f"Resource Not Found: Amazon SageMaker can't find a FeatureGroup with name {name}"


def name_of(name_or_arn: str) -> str:
    return name_or_arn.rpartition(":feature-group/")[2]


def install(overrides: Overrides, deleted: Callable[[FeatureGroup], None]) -> None:
    """Install the actions. Calls `deleted` for each group that is deleted."""

    def create(response: Any) -> ActionResult:
        request = json.loads(response.body)
        _check(request)
        name = request["FeatureGroupName"]
        arn = _arn(response, name)
        groups = response.sagemaker_backend.feature_groups
        if arn in groups:
            raise refused(
                "ResourceInUse",
                f"Resource Already Exists: FeatureGroup with name {name} already exists. Choose a different name.\n"
                f"Info: Feature Group '{name}' already exists.",
            )
        group = _group(response, request, arn)
        if groups.setdefault(arn, group) is not group:
            raise refused("ResourceInUse", f"Resource Already Exists: FeatureGroup with name {name}")
        return ActionResult({"FeatureGroupArn": arn})

    def describe(response: Any) -> ActionResult:
        return ActionResult(_found(response).description())

    def delete(response: Any) -> EmptyResult:
        group = _found(response)
        response.sagemaker_backend.feature_groups.pop(group.arn, None)
        deleted(group)
        return EmptyResult()

    def list_groups(response: Any) -> ActionResult:
        request = json.loads(response.body or "{}")
        if status := request.pop("FeatureGroupStatusEquals", None):
            request["StatusEquals"] = status
        groups = list(response.sagemaker_backend.feature_groups.values())
        found, token = page([group.summary() for group in groups], request, _NOUN)
        answer: dict[str, Any] = {"FeatureGroupSummaries": found}
        return ActionResult({**answer, "NextToken": token} if token else answer)

    overrides.replace(SageMakerResponse, "create_feature_group", create)
    overrides.replace(SageMakerResponse, "describe_feature_group", describe)
    overrides.replace(SageMakerResponse, "delete_feature_group", delete)
    overrides.replace(SageMakerResponse, "list_feature_groups", list_groups)


def _arn(response: Any, name: str) -> str:
    return f"arn:aws:sagemaker:{response.region}:{response.current_account}:feature-group/{name.lower()}"


def _found(response: Any) -> FeatureGroup:
    name = name_of(json.loads(response.body)["FeatureGroupName"])
    group: FeatureGroup | None = response.sagemaker_backend.feature_groups.get(_arn(response, name))
    if group is None:
        raise refused("ResourceNotFound", not_found(name))
    return group


def _group(response: Any, request: Mapping[str, Any], arn: str) -> FeatureGroup:
    now, name, location = int(time.time()), request["FeatureGroupName"], ""
    online, offline = request.get("OnlineStoreConfig"), request.get("OfflineStoreConfig")
    if offline is not None:
        root = offline["S3StorageConfig"]["S3Uri"].rstrip("/")
        owner = f"{response.current_account}/sagemaker/{response.region}"
        location = f"{root}/{owner}/offline-store/{name}-{now}/data"
    return FeatureGroup(
        name=name,
        arn=arn,
        identifier=request["RecordIdentifierFeatureName"],
        event_time=request["EventTimeFeatureName"],
        types={d["FeatureName"]: d["FeatureType"] for d in request["FeatureDefinitions"]},
        online=online if online and online.get("EnableOnlineStore") else None,
        offline=offline,
        location=location,
        request=request,
        created=datetime.fromtimestamp(now, UTC),
        tags=list(request.get("Tags", ())),
    )


def _check(request: Mapping[str, Any]) -> None:
    _check_name("featureGroupName", request["FeatureGroupName"])
    _check_definitions(request)
    online, offline = request.get("OnlineStoreConfig") or {}, request.get("OfflineStoreConfig")
    if not online.get("EnableOnlineStore") and offline is None:
        raise _invalid("At least one of OnlineStoreConfig and OfflineStoreConfig must be given.")
    if online.get("StorageType", "Standard") != "Standard":
        refuse(f"has feature groups of StorageType Standard only, not {online['StorageType']}")
    if offline is not None:
        _check_offline(request, offline)


def _check_definitions(request: Mapping[str, Any]) -> None:
    types: dict[str, str] = {}
    for definition in request["FeatureDefinitions"]:
        name, kind = definition["FeatureName"], definition.get("FeatureType")
        _check_name("featureDefinitions.member.featureName", name)
        if name.lower() in ADDED:
            raise _invalid(f"The feature name {name} is reserved.")
        if name.lower() in (known.lower() for known in types):
            raise _invalid(f"The feature name {name} is defined twice.")
        if kind not in _TYPES:
            raise _invalid(f"FeatureType of {name} is {kind}: it must be one of {', '.join(_TYPES)}.")
        if definition.get("CollectionType"):
            refuse(f"has no collections as features: {name}")
        types[name] = kind
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if request[member] not in types:
            raise _invalid(f"{member} {request[member]} is not in FeatureDefinitions.")
    if types[request["EventTimeFeatureName"]] not in _EVENT_TIMES:
        raise _invalid(f"The event time feature must be of the type {' or '.join(_EVENT_TIMES)}.")


def _check_offline(request: Mapping[str, Any], offline: Mapping[str, Any]) -> None:
    if not request.get("RoleArn"):
        raise _invalid("RoleArn is required for an OfflineStore.")
    uri = offline["S3StorageConfig"]["S3Uri"]
    if not re.fullmatch(r"s3://[^/]+(/.*)?", uri):
        raise _invalid(f"S3Uri {uri} is not the address of a folder in S3.")
    if offline.get("TableFormat", "Glue") != "Glue":
        refuse(f"writes the offline store as plain Parquet, not as {offline['TableFormat']}")
    if not offline.get("DisableGlueTableCreation"):
        refuse("makes no Glue table of an offline store: set DisableGlueTableCreation")


def _check_name(member: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise refused(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9]([_-]*[a-zA-Z0-9]){0,63}",
        )


def _invalid(why: str) -> JsonRESTError:
    return refused("ValidationException", f"Validation Error: {why}")
