"""What Snowflake's side needs of the stacks: what `python -m warehouse migrate --account` reads, and the logins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from highwater_infra.environments import DEV, ENVIRONMENTS, PROD

if TYPE_CHECKING:
    from tests.conftest import Template, Templates

NETWORK = "highwater-network"


def _clients(template: Template) -> Any:
    return template.content["Outputs"]["SnowflakeClients"]["Value"]


def _told(value: Any, address: str) -> str:
    """What CloudFormation would make of it, if each Elastic IP had this address."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        between, parts = value["Fn::Join"]
        return str(between).join(_told(part, address) for part in parts)
    assert value["Fn::GetAtt"][1] == "PublicIp"
    return address.format(value["Fn::GetAtt"][0])


def test_snowflake_sees_the_addresses_of_the_nat_gateways(prod: Templates, dev: Templates) -> None:
    for templates in (prod, dev):
        resources = templates[NETWORK].content["Resources"]
        addresses = {f"{name}/32" for name, r in resources.items() if r["Type"] == "AWS::EC2::EIP"}
        told = _told(_clients(templates[NETWORK]), "{}").split(",")
        assert set(told) == addresses
        assert len(told) == len(templates[NETWORK].properties("AWS::EC2::NatGateway"))


def test_each_address_is_a_network_of_one(prod: Templates) -> None:
    assert _told(_clients(prod[NETWORK]), "192.0.2.1") == "192.0.2.1/32,192.0.2.1/32"


def test_without_a_nat_gateway_it_sees_the_vpc(private: Templates) -> None:
    assert _clients(private[NETWORK])["Fn::GetAtt"][1] == "CidrBlock"


def test_the_other_outputs_are_there(prod: Templates) -> None:
    assert "LakeBucket" in prod["highwater-lake"].content["Outputs"]
    assert "SnowflakeRoleArn" in prod["highwater-access"].content["Outputs"]


def test_environments_have_databases_of_their_own() -> None:
    assert {e.name: e.database for e in ENVIRONMENTS.values()} == {
        "dev": "HIGHWATER_DEV",
        "staging": "HIGHWATER_STAGING",
        "prod": "HIGHWATER",
        "private": "HIGHWATER",
    }


@pytest.mark.parametrize(("shape", "database"), [("prod", PROD.database), ("dev", DEV.database)])
def test_flows_are_told_their_database(request: pytest.FixtureRequest, shape: str, database: str) -> None:
    tasks = request.getfixturevalue(shape)["highwater-orchestration"].properties("AWS::ECS::TaskDefinition")
    told = [
        variable["Value"]
        for task in tasks
        for container in task["ContainerDefinitions"]
        for variable in container.get("Environment", [])
        if variable["Name"] == "HIGHWATER_DATABASE"
    ]
    assert told
    assert set(told) == {database}


def test_no_task_reads_the_login_of_migrations(prod: Templates) -> None:
    deployer = "secret:highwater/snowflake-deployer-??????"
    prod["highwater-lake"].one("AWS::SecretsManager::Secret", Name="highwater/snowflake-deployer")
    readers = {
        role["Ref"]
        for template in prod.values()
        for policy in template.properties("AWS::IAM::Policy")
        if deployer in str(policy["PolicyDocument"])
        for role in policy["Roles"]
    }
    names = {
        name: r["Properties"]["RoleName"]
        for name, r in prod["highwater-access"].content["Resources"].items()
        if r["Type"] == "AWS::IAM::Role"
    }
    assert {names[reader] for reader in readers} == {"highwater-operator"}
