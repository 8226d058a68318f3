"""A role of a stack trusts whom the newest parameters name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

STACK, ROLE = "trusting", "trusting-role"
NOBODY, USER = "arn:aws:iam::123456789012:role/nobody", "arn:aws:iam::999999999999:user/snowflake"
TEMPLATE = {
    "Parameters": {
        "User": {"Type": "String", "Default": ""},
        "Id": {"Type": "String", "Default": "none"},
        "Other": {"Type": "String", "Default": "by default"},
    },
    "Conditions": {
        "Known": {"Fn::Not": [{"Fn::Equals": [{"Ref": "User"}, ""]}]},
        "Wanted": {"Fn::Equals": [{"Ref": "Other"}, "wanted"]},
    },
    "Resources": {
        "Absent": {
            "Type": "AWS::IAM::Role",
            "Condition": "Wanted",
            "Properties": {"RoleName": {"Ref": "Other"}, "AssumeRolePolicyDocument": {}},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": ROLE,
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"AWS": {"Fn::If": ["Known", {"Ref": "User"}, NOBODY]}},
                            "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "Id"}}},
                        }
                    ],
                },
            },
        },
    },
}


def test_an_updated_stack_changes_whom_its_role_trusts(service: Callable[[str], Any]) -> None:
    cloudformation, iam = service("cloudformation"), service("iam")
    template = json.dumps(TEMPLATE)
    cloudformation.create_stack(StackName=STACK, TemplateBody=template)
    assert _trusted(iam) == (NOBODY, "none")

    parameters = [
        {"ParameterKey": "User", "ParameterValue": USER},
        {"ParameterKey": "Id", "ParameterValue": "HIGHWATER_1"},
    ]
    cloudformation.update_stack(StackName=STACK, TemplateBody=template, Parameters=parameters)
    assert _trusted(iam) == (USER, "HIGHWATER_1")

    previous = [{"ParameterKey": name, "UsePreviousValue": True} for name in ("User", "Id", "Other")]
    changed = json.dumps({**TEMPLATE, "Description": "AWS refuses an update that changes nothing"})
    cloudformation.update_stack(StackName=STACK, TemplateBody=changed, Parameters=previous)
    assert _trusted(iam) == (USER, "HIGHWATER_1")
    (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    assert {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]} == {
        "User": USER,
        "Id": "HIGHWATER_1",
        "Other": "by default",
    }


def _trusted(iam: Any) -> tuple[str, str]:
    (statement,) = iam.get_role(RoleName=ROLE)["Role"]["AssumeRolePolicyDocument"]["Statement"]
    return statement["Principal"]["AWS"], statement["Condition"]["StringEquals"]["sts:ExternalId"]
