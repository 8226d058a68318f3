"""SageMaker's jobs reach nothing but their files in S3: what a request has to say to be allowed, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from highwater_infra.permissions.statement import EVERYTHING, Statement, arn

Conditions = Mapping[str, Mapping[str, str | Sequence[str]]]
ALONE: Final[Conditions] = {"Bool": {"sagemaker:NetworkIsolation": "true"}}
"""The container has no network and no credentials: SageMaker itself brings the files and takes them away."""
_BY_EC2: Final = "EC2 numbers interfaces; the subnets hold them"


@dataclass(frozen=True)
class TrainingNetwork:
    """Where SageMaker brings and takes the files of trainings: subnets of ours, with a group that lets out to S3 alone."""

    subnets: Sequence[str]
    group: str

    def alone_within(self) -> Conditions:
        """ForAllValues is met by a request that names none: that it names some is said beside it."""
        subnets, groups = "sagemaker:VpcSubnets", "sagemaker:VpcSecurityGroupIds"
        return {
            **ALONE,
            "ForAllValues:StringEquals": {subnets: self.subnets, groups: [self.group]},
            "Null": {subnets: "false", groups: "false"},
        }

    def interfaces(self) -> list[Statement]:
        """A training has an interface in a subnet, which SageMaker makes and removes as the job's role."""
        interface = arn("ec2", "network-interface/*")
        subnets = [arn("ec2", f"subnet/{subnet}") for subnet in self.subnets]
        return [
            Statement(
                ["ec2:CreateNetworkInterface"],
                [interface, *subnets, arn("ec2", f"security-group/{self.group}")],
                because=_BY_EC2,
            ),
            Statement(
                ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
                [interface],
                {"ArnEquals": {"ec2:Subnet": subnets}},
                because=_BY_EC2,
            ),
            Statement(
                [
                    # Called with the permission's own number.
                    "ec2:DeleteNetworkInterfacePermission",
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                EVERYTHING,
                because="these know no resource; what they tell is numbers and addresses",
            ),
        ]
