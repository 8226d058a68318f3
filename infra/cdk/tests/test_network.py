from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Template, Templates

NAME = "highwater-network"


def _endpoints(template: Template) -> set[str]:
    found = set()
    for endpoint in template.properties("AWS::EC2::VPCEndpoint"):
        name = endpoint["ServiceName"]
        text = (
            name if isinstance(name, str) else "".join(p for p in name["Fn::Join"][1] if isinstance(p, str))
        )
        found.add(text.removeprefix("com.amazonaws.").lstrip("."))
    return found


def test_aws_is_reached_without_the_internet(prod: Templates) -> None:
    assert _endpoints(prod[NAME]) == {
        "s3", "dynamodb", "ecr.api", "ecr.dkr", "ecs", "events", "glue", "kms", "logs", "monitoring",
        "sagemaker.api", "sagemaker.featurestore-runtime", "sagemaker.runtime", "secretsmanager", "sns", "sqs", "sts",
    }  # fmt: skip


def test_dev_pays_for_no_interface_endpoint(dev: Templates) -> None:
    assert _endpoints(dev[NAME]) == {"s3", "dynamodb"}


def test_only_our_tasks_may_call_the_endpoints(prod: Templates) -> None:
    ingress = prod[NAME].one("AWS::EC2::SecurityGroupIngress")
    assert (ingress["FromPort"], ingress["ToPort"]) == (443, 443)
    assert "SourceSecurityGroupId" in ingress
    groups = prod[NAME].properties("AWS::EC2::SecurityGroup")
    assert len(groups) == 3
    assert all("SecurityGroupIngress" not in group for group in groups)


def test_tasks_call_out_over_tls_only(prod: Templates) -> None:
    groups = prod[NAME].properties("AWS::EC2::SecurityGroup")
    egress = [
        rule for group in groups for rule in group["SecurityGroupEgress"] if rule["IpProtocol"] == "tcp"
    ]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in egress] == [(443, 443)] * 2


def test_trainings_reach_s3_alone(prod: Templates, private: Templates, dev: Templates) -> None:
    """By no rule of theirs anything else, and by no rule of others them; S3's addresses lead to its endpoint."""
    for template in (prod[NAME], private[NAME], dev[NAME]):
        resources = template.content["Resources"]
        (training,) = [name for name in resources if name.startswith("Training")]
        group = resources[training]["Properties"]
        (rule,) = group["SecurityGroupEgress"]
        assert rule["DestinationPrefixListId"] == {"Ref": "S3PrefixList"}
        assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)
        assert not {"CidrIp", "CidrIpv6", "DestinationSecurityGroupId"} & set(rule)
        assert "SecurityGroupIngress" not in group
        others = {name: resource for name, resource in resources.items() if name != training}
        assert f'"{training}"' not in json.dumps(others)

        (s3,) = [e for e in template.properties("AWS::EC2::VPCEndpoint") if ".s3" in str(e["ServiceName"])]
        tables = {
            resource["Properties"]["RouteTableId"]["Ref"]
            for name, resource in resources.items()
            if resource["Type"] == "AWS::EC2::SubnetRouteTableAssociation" and "private" in name
        }
        assert len(tables) == 2
        assert tables <= {table["Ref"] for table in s3["RouteTableIds"]}


def test_ways_out(prod: Templates, dev: Templates, private: Templates) -> None:
    """Each zone of production has its own; the private account has none at all."""
    gateways = [len(t[NAME].properties("AWS::EC2::NatGateway")) for t in (prod, dev, private)]
    assert gateways == [2, 1, 0]
    assert private[NAME].properties("AWS::EC2::InternetGateway") == []


def test_the_default_group_is_emptied_and_stays_empty(prod: Templates) -> None:
    (resource,) = prod[NAME].all("AWS::SSM::Association")
    association = resource["Properties"]
    assert association["Name"] == "AWSConfigRemediation-RemoveVPCDefaultSecurityGroupRules"
    (vpc,) = [n for n, r in prod[NAME].content["Resources"].items() if r["Type"] == "AWS::EC2::VPC"]
    assert association["Parameters"]["GroupId"] == [{"Fn::GetAtt": [vpc, "DefaultSecurityGroup"]}]
    assert association["ScheduleExpression"] == "rate(1 day)"
    assert not association.get("ApplyOnlyAtCronInterval")


def test_who_empties_the_default_group_may_change_no_other(prod: Templates) -> None:
    role = prod[NAME].one("AWS::IAM::Role", RoleName="highwater-default-group")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "ssm.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    (policy,) = [p for p in prod[NAME].properties("AWS::IAM::Policy") if "ec2:Revoke" in str(p)]
    (revoking,) = [s for s in policy["PolicyDocument"]["Statement"] if "ec2:Revoke" in str(s["Action"])]
    assert revoking["Action"] == ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"]
    parts = revoking["Resource"]["Fn::Join"][1]
    assert parts[-2] == ":security-group/"
    assert parts[-1]["Fn::GetAtt"][1] == "DefaultSecurityGroup"
