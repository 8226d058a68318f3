from __future__ import annotations

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
    assert len(groups) == 2
    assert all("SecurityGroupIngress" not in group for group in groups)


def test_tasks_call_out_over_tls_only(prod: Templates) -> None:
    groups = prod[NAME].properties("AWS::EC2::SecurityGroup")
    egress = [
        rule for group in groups for rule in group["SecurityGroupEgress"] if rule["IpProtocol"] == "tcp"
    ]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in egress] == [(443, 443)]


def test_ways_out(prod: Templates, dev: Templates, private: Templates) -> None:
    """Each zone of production has its own; the private account has none at all."""
    gateways = [len(t[NAME].properties("AWS::EC2::NatGateway")) for t in (prod, dev, private)]
    assert gateways == [2, 1, 0]
    assert private[NAME].properties("AWS::EC2::InternetGateway") == []
