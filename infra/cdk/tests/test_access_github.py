"""Whose deployments from GitHub are let in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from highwater_infra.compute import REPOSITORY
from highwater_infra.resolved import resolved
from tests.roles import NAME

if TYPE_CHECKING:
    from tests.conftest import Templates


GITHUB = "token.actions.githubusercontent.com"


@pytest.mark.parametrize("subject", ["somebody/highwater", "somebody@12/highwater@3456"])
def test_a_deployment_comes_from_this_accounts_environment_and_the_main_branchs_workflow(
    prod: Templates, private: Templates, dev: Templates, subject: str
) -> None:
    """The subject of a newer repository has its owner's id and its own; the reference of a workflow never has."""
    for name, templates in {"prod": prod, "private": private, "dev": dev}.items():
        assert _trusted(templates, subject) == {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": f"repo:{subject}:environment:{name}",
            f"{GITHUB}:job_workflow_ref": "somebody/highwater/.github/workflows/deploy.yml@refs/heads/main",
        }
    assert (REPOSITORY / ".github" / "workflows" / "deploy.yml").exists()


def _trusted(templates: Templates, subject: str) -> dict[str, str]:
    role = templates[NAME].one("AWS::IAM::Role", RoleName="highwater-deploy")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"].keys() == {"StringEquals"}
    equal: dict[str, str] = resolved(trust["Condition"]["StringEquals"], {"GitHubRepository": subject})
    return equal


def test_without_a_repository_the_trust_can_still_be_made_out(prod: Templates) -> None:
    """CloudFormation refuses a template in which a part is chosen that is not there."""
    assert prod[NAME].content["Parameters"]["GitHubRepository"]["Default"] == ""
    assert _trusted(prod, "")[f"{GITHUB}:sub"] == "repo::environment:prod"


@pytest.mark.parametrize(
    ("subject", "taken"),
    [
        ("", True),
        ("somebody/highwater", True),
        ("somebody@12/highwater@3456", True),
        ("somebody@12/highwater", False),
        ("somebody/highwater@3456", False),
        ("somebody@12/highwater@x", False),
        ("repo:somebody/highwater", False),
        ("somebody/*", False),
        ("highwater", False),
    ],
)
def test_a_repository_is_named_as_its_subject_names_it(prod: Templates, subject: str, taken: bool) -> None:
    pattern = prod[NAME].content["Parameters"]["GitHubRepository"]["AllowedPattern"]
    assert bool(re.search(pattern, subject)) == taken


def test_a_provider_that_the_account_has_already_is_trusted_and_not_made_again(prod: Templates) -> None:
    (made,) = prod[NAME].all("AWS::IAM::OIDCProvider")
    assert made["Condition"] == "GitHubIsNew"
    role = prod[NAME].one("AWS::IAM::Role", RoleName="highwater-deploy")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"]["Federated"]["Fn::If"] == [
        "GitHubIsNew",
        {"Fn::GetAtt": ["GitHub", "Arn"]},
        {"Ref": "GitHubProviderArn"},
    ]
