from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-server"


def test_only_an_account_without_prefect_cloud_has_a_server(prod: Templates, private: Templates) -> None:
    assert NAME not in prod
    assert NAME in private


def test_the_database_survives_a_zone_and_a_mistake(private: Templates) -> None:
    (resource,) = private[NAME].all("AWS::RDS::DBInstance")
    database = resource["Properties"]
    assert database["MultiAZ"] is True
    assert database["StorageEncrypted"] is True
    assert database["DeletionProtection"] is True
    assert database["BackupRetentionPeriod"] == 14
    assert database["PubliclyAccessible"] is False
    assert resource["DeletionPolicy"] == "Snapshot"
    (parameters,) = private[NAME].properties("AWS::RDS::DBParameterGroup")
    assert parameters["Parameters"]["rds.force_ssl"] == "1"


def test_the_server_is_inside_and_behind_tls(private: Templates) -> None:
    balancer = private[NAME].one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Scheme"] == "internal"
    listener = private[NAME].one("AWS::ElasticLoadBalancingV2::Listener")
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["Certificates"] == [{"CertificateArn": {"Ref": "CertificateArn"}}]


def test_nobody_is_let_in_from_anywhere(private: Templates) -> None:
    rules = [
        *private[NAME].properties("AWS::EC2::SecurityGroupIngress"),
        *(
            r
            for g in private[NAME].properties("AWS::EC2::SecurityGroup")
            for r in g.get("SecurityGroupIngress", [])
        ),
    ]
    assert sorted(rule["FromPort"] for rule in rules) == [443, 443, 4200, 5432]
    assert [rule["CidrIp"] for rule in rules if "CidrIp" in rule] == [{"Ref": "PeopleCidr"}]


def test_people_are_let_in_from_the_network_that_was_named(private: Templates) -> None:
    parameter = private[NAME].content["Parameters"]["PeopleCidr"]
    assert parameter["Default"] == ""
    (rule,) = [r for r in private[NAME].all("AWS::EC2::SecurityGroupIngress") if "CidrIp" in r["Properties"]]
    assert rule["Condition"] == "PeopleAreLetIn"
    assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (443, 443)
    wanted = {"": True, "10.8.0.0/16": True, "10.8.0.7/32": True, "0.0.0.0/0": False, "10.8.0.0": False}
    pattern = re.compile(parameter["AllowedPattern"])
    assert {network: bool(pattern.fullmatch(network)) for network in wanted} == wanted


def test_the_server_can_be_deployed_before_the_worker_is_started(private: Templates) -> None:
    """It asks nothing of orchestration that comes with the image, and orchestration asks nothing of it."""
    asked = str(private["highwater-orchestration"].content)
    assert f"{NAME}:" not in asked
    exported = {
        output["Export"]["Name"]: str(output["Value"])
        for output in private["highwater-orchestration"].content["Outputs"].values()
        if "Export" in output
    }
    wanted = [value for name, value in exported.items() if name in str(private[NAME].content)]
    assert len(wanted) >= 2
    assert not [value for value in wanted if "ImageDigest" in value or "Task" in value]


def test_it_keeps_a_connection_for_longer_than_its_load_balancer_does(private: Templates) -> None:
    (container,) = private[NAME].one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    environment = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    balancer = private[NAME].one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = {entry["Key"]: entry["Value"] for entry in balancer["LoadBalancerAttributes"]}
    idle = int(attributes.get("idle_timeout.timeout_seconds", 60))
    assert int(environment["PREFECT_SERVER_API_KEEPALIVE_TIMEOUT"]) > idle


def test_its_secrets_come_by_arn(private: Templates) -> None:
    (container,) = private[NAME].one("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert {secret["Name"] for secret in container["Secrets"]} == {
        "PREFECT_SERVER_DATABASE_USER",
        "PREFECT_SERVER_DATABASE_PASSWORD",
        "PREFECT_SERVER_API_AUTH_STRING",
    }
    assert not [v for v in container["Environment"] if "PASSWORD" in v["Name"] or "AUTH" in v["Name"]]
