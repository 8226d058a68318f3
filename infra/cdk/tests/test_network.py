from __future__ import annotations

from aws_cdk.assertions import Template

Templates = dict[str, Template]


def _endpoints(template: Template) -> set[str]:
    found = set()
    for endpoint in template.find_resources("AWS::EC2::VPCEndpoint").values():
        name = endpoint["Properties"]["ServiceName"]
        text = (
            name if isinstance(name, str) else "".join(p for p in name["Fn::Join"][1] if isinstance(p, str))
        )
        found.add(text.removeprefix("com.amazonaws.").removeprefix("com.amazonaws").lstrip("."))
    return found


def test_aws_is_reached_without_the_internet(prod: Templates) -> None:
    assert _endpoints(prod["highwater-network"]) == {
        "s3", "dynamodb", "ecr.api", "ecr.dkr", "ecs", "events", "glue", "kms", "logs", "monitoring",
        "sagemaker.api", "secretsmanager", "sns", "sqs", "sts",
    }  # fmt: skip


def test_dev_pays_for_no_interface_endpoint(dev: Templates) -> None:
    assert _endpoints(dev["highwater-network"]) == {"s3", "dynamodb"}


def test_only_our_tasks_may_call_the_endpoints(prod: Templates) -> None:
    ingress = prod["highwater-network"].find_resources("AWS::EC2::SecurityGroupIngress")
    assert [(rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) for rule in ingress.values()] == [
        (443, 443)
    ]
    groups = prod["highwater-network"].find_resources("AWS::EC2::SecurityGroup")
    assert all("SecurityGroupIngress" not in group["Properties"] for group in groups.values())


def test_each_zone_has_a_way_out_of_its_own_in_prod(prod: Templates, dev: Templates) -> None:
    prod["highwater-network"].resource_count_is("AWS::EC2::NatGateway", 2)
    dev["highwater-network"].resource_count_is("AWS::EC2::NatGateway", 1)
