"""What the roles of the templates may do, asked by role, action and place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Template, Templates

NAME = "highwater-access"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def policies_of(template: Template) -> list[dict[str, Any]]:
    return [*template.properties("AWS::IAM::Policy"), *template.properties("AWS::IAM::ManagedPolicy")]


def statements_of_all(prod: Templates) -> list[dict[str, Any]]:
    return [
        statement
        for template in prod.values()
        for policy in policies_of(template)
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def statements_of(prod: Templates, role: str) -> list[dict[str, Any]]:
    template = prod[NAME].content["Resources"]
    (logical,) = [
        name
        for name, resource in template.items()
        if resource["Type"] == "AWS::IAM::Role" and resource["Properties"].get("RoleName") == role
    ]
    return [
        statement
        for policy in policies_of(prod[NAME])
        if {"Ref": logical} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def actions_of(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in listed(statement["Action"])}


def places_of(statements: list[dict[str, Any]], action: str) -> set[str]:
    """`inbox/history/*` for what this action may be done to in the bucket highwater-inbox."""
    resources = [r for s in statements if action in listed(s["Action"]) for r in listed(s["Resource"])]
    texts = ["".join(p for p in r["Fn::Join"][1] if isinstance(p, str)) for r in resources]
    return {text.replace("--", "").partition(":s3:::highwater-")[2] for text in texts}


def named_by(statements: list[dict[str, Any]], action: str) -> set[str]:
    """`endpoint/highwater-churn` for what of our region and account this action may be done to."""
    resources = [r for s in statements if action in listed(s["Action"]) for r in listed(s["Resource"])]
    return {resource["Fn::Join"][1][-1].removeprefix(":") for resource in resources}
