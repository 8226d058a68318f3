"""Checks of SageMaker requests: refuse what is not supported here, and what AWS refuses, with AWS's message."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from local.aws.actions import refused
from local.aws.refusals import SEE, LocalRefusalError

VPC_MEMBER = re.compile(r"[-0-9a-zA-Z]{1,32}")
MOST_IN_VPC = {"SecurityGroupIds": 5, "Subnets": 16}
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def refuse(why: str) -> NoReturn:
    raise LocalRefusalError(f"the local SageMaker {why}: {SEE}")


def check_name(member: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise refused(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at '{member[0].lower()}{member[1:]}' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        )


def check_vpc(given: Mapping[str, Sequence[str]] | None) -> None:
    """The form of a VpcConfig. Whether its subnets and groups exist is not looked at."""
    for member, most in MOST_IN_VPC.items() if given else ():
        names = given[member] if given else []
        if not 1 <= len(names) <= most or not all(VPC_MEMBER.fullmatch(name) for name in names):
            raise refused(
                "ValidationException",
                f"1 validation error detected: Value '[{', '.join(names)}]' at "
                f"'vpcConfig.{member[0].lower()}{member[1:]}' failed to satisfy constraint: Member must have length "
                f"between 1 and {most}, and its members must satisfy regular expression pattern: [-0-9a-zA-Z]+, of 32 "
                "characters at most",
            )


def refuse_many_instances(cluster: Mapping[str, Any]) -> None:
    if cluster.get("InstanceGroups") or cluster.get("InstanceCount", 1) != 1:
        refuse("runs a job on one instance only")


def refuse_s3_source(what: str, source: Mapping[str, Any]) -> None:
    data = (source.get("DataSource") or {}).get("S3DataSource")
    if data is None or data.get("S3DataType", "S3Prefix") != "S3Prefix":
        refuse(f"takes data by S3Prefix only: {what}")
    if source.get("CompressionType", "None") != "None":
        refuse(f"does not unpack CompressionType {source['CompressionType']}: {what}")


def check_metric(definition: Mapping[str, str]) -> None:
    try:
        groups = re.compile(definition["Regex"]).groups
    except re.error as error:
        raise refused(
            "ValidationException", f"Invalid regex of metric {definition['Name']}: {error}"
        ) from error
    if groups < 1:
        raise refused(
            "ValidationException",
            f"The regex of metric {definition['Name']} has no group that takes its value",
        )
