"""The stacks deployed to the local cloud with the CDK command line, as far as it can hold them, and asked for by describing.

What it cannot hold is named in highwater_infra/local_cloud.py and docs/parity.md.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from highwater_infra.compute import REPOSITORY
from highwater_infra.local_cloud import NOT_HELD, assembly, pruned
from highwater_infra.snapshot import HOME

from warehouse.account.given import given

REGION, ACCOUNT = "ap-south-1", "123456789012"
UNIQUE = f"-{ACCOUNT}-{REGION}"


@dataclass(frozen=True)
class Cloud:
    url: str

    @property
    def environment(self) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return own | {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    state, port = tmp_path_factory.mktemp("aws"), _free_port()
    command = [".venv/bin/python", "-m", "local.aws", "--port", str(port), "--state", str(state)]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    with (state / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not (state / "aws.ready").exists():
                assert server.poll() is None, (state / "log").read_text()
                assert time.monotonic() < deadline, "the local AWS did not start in two minutes"
                time.sleep(0.2)
            # The command line takes localhost for a host without buckets as subdomains, but not 127.0.0.1.
            yield Cloud(f"http://localhost:{port}")
        finally:
            server.terminate()
            server.wait(30)


@pytest.fixture(scope="module")
def outputs(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    _bootstrap(cloud)
    place = tmp_path_factory.mktemp("assembly")
    assembly(HOME / "cdk.out", place / "cdk.out")
    command = [
        *("node_modules/.bin/cdk", "deploy", "--all", "--app", str(place / "cdk.out")),
        # moto computes no outputs for a change set.
        *("--require-approval", "never", "--method", "direct", "--ci"),
        *("--outputs-file", str(place / "outputs.json")),
    ]
    done = subprocess.run(
        command, cwd=HOME, env=cloud.environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, dict[str, str]] = json.loads((place / "outputs.json").read_text())
    return found


def _bootstrap(cloud: Cloud) -> None:
    """What of `cdk bootstrap` a deployment asks for: its own stack has types that the local cloud refuses."""
    cloud.client("s3").create_bucket(
        Bucket=f"cdk-hnb659fds-assets{UNIQUE}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    cloud.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")


@pytest.mark.usefixtures("outputs")
class TestDeployed:
    def test_stacks_are_complete(self, cloud: Cloud) -> None:
        stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
        assert {(s["StackName"], s["StackStatus"]) for s in stacks} == {
            (f"highwater-{name}", "CREATE_COMPLETE")
            for name in ("lake", "network", "access", "compute", "orchestration", "observability")
        }

    def test_log_groups_have_an_end(self, cloud: Cloud) -> None:
        groups = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/")["logGroups"]
        ours = [
            g
            for g in groups
            if g["logGroupName"].startswith(("/aws-glue/", "/aws/sagemaker/", "/highwater/"))
        ]
        assert len(ours) == 12
        assert {group["retentionInDays"] for group in ours} == {365}

    def test_buckets_encrypt_with_our_key(self, cloud: Cloud) -> None:
        s3 = cloud.client("s3")
        aliases = cloud.client("kms").list_aliases()["Aliases"]
        (alias,) = [a for a in aliases if a["AliasName"] == "alias/highwater"]
        for name in ("highwater-lake", "highwater-artifacts", "highwater-inbox"):
            rules = s3.get_bucket_encryption(Bucket=f"{name}{UNIQUE}")["ServerSideEncryptionConfiguration"]
            by_default = rules["Rules"][0]["ApplyServerSideEncryptionByDefault"]
            assert by_default["KMSMasterKeyID"].endswith(f"key/{alias['TargetKeyId']}")

    def test_tables_have_their_key(self, cloud: Cloud) -> None:
        for name in ("highwater-ledger", "highwater-watermarks"):
            table = cloud.client("dynamodb").describe_table(TableName=name)["Table"]
            assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
            assert table["DeletionProtectionEnabled"] is True

    def test_the_network_has_its_endpoints(self, cloud: Cloud) -> None:
        ec2 = cloud.client("ec2")
        services = {e["ServiceName"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"]}
        assert len(services) == 17
        assert f"com.amazonaws.{REGION}.s3" in services

    def test_roles_are_trusted_by_their_service_alone(self, cloud: Cloud) -> None:
        iam = cloud.client("iam")
        trust = iam.get_role(RoleName="highwater-flow-run")["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert [s["Principal"] for s in trust] == [{"Service": "ecs-tasks.amazonaws.com"}]
        (policy,) = iam.list_role_policies(RoleName="highwater-flow-run")["PolicyNames"]
        document = iam.get_role_policy(RoleName="highwater-flow-run", PolicyName=policy)["PolicyDocument"]
        assert f"arn:aws:s3:::highwater-lake{UNIQUE}/curated/*" in str(document)

    def test_flow_runs_find_the_buckets_that_were_made(self, cloud: Cloud) -> None:
        task = cloud.client("ecs").describe_task_definition(taskDefinition="highwater-flow-run")
        (container,) = task["taskDefinition"]["containerDefinitions"]
        given = {v["name"]: v["value"] for v in container["environment"]}
        assert given["HIGHWATER_LAKE_BUCKET"] == f"highwater-lake{UNIQUE}"
        assert given["HIGHWATER_INBOX_BUCKET"] == f"highwater-inbox{UNIQUE}"
        assert given["HIGHWATER_SAGEMAKER_ROLE"] == f"arn:aws:iam::{ACCOUNT}:role/highwater-sagemaker"
        assert container["logConfiguration"]["options"]["awslogs-group"] == "/highwater/flow-runs"

    @pytest.mark.parametrize(
        ("name", "rule"),
        [
            ("highwater-ecs-events", "highwater-ecs-task-changes"),
            ("highwater-inbox-events", "highwater-inbox-files"),
        ],
    )
    def test_an_event_reaches_the_queue_of_who_waits_for_it(self, cloud: Cloud, name: str, rule: str) -> None:
        sqs, events = cloud.client("sqs"), cloud.client("events")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        (target,) = events.list_targets_by_rule(Rule=rule)["Targets"]
        assert target["Arn"] == queue["QueueArn"]
        assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 3

    def test_topics_are_there(self, cloud: Cloud) -> None:
        topics = {t["TopicArn"].rpartition(":")[2] for t in cloud.client("sns").list_topics()["Topics"]}
        assert topics == {"highwater-alerts", "highwater-critical", "highwater-warnings"}


def test_snowflakes_side_takes_the_outputs(outputs: dict[str, dict[str, str]], tmp_path: Path) -> None:
    """As `warehouse migrate --account` reads them; the addresses are those of the NAT gateways."""
    (tmp_path / "outputs.json").write_text(json.dumps(outputs))
    found = given(tmp_path / "outputs.json")
    assert found.lake_bucket == f"highwater-lake{UNIQUE}"
    assert found.role_arn == f"arn:aws:iam::{ACCOUNT}:role/highwater-snowflake"
    assert len(found.addresses) == 2
    assert {IPv4Network(address).prefixlen for address in found.addresses} == {32}


@pytest.mark.parametrize("kind", sorted(NOT_HELD))
def test_what_is_left_out_is_refused_indeed(cloud: Cloud, kind: str) -> None:
    template = json.dumps({"Resources": {"It": {"Type": kind, "Properties": {}}}})
    with pytest.raises(ClientError, match=f"cannot create {kind}"):
        cloud.client("cloudformation").create_stack(StackName=kind.replace("::", "-"), TemplateBody=template)


def test_what_refers_to_a_secret_gets_the_arn_of_the_one_that_is_there() -> None:
    template = {
        "Resources": {
            "Login": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "highwater/prefect"}},
            "Other": {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "highwater/other"}},
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Other"}}},
        },
        "Outputs": {"Login": {"Value": {"Fn::GetAtt": ["Login", "Id"]}}},
    }
    left = pruned(template, {"highwater/prefect": "arn:of-login"})
    assert left["Outputs"]["Login"]["Value"] == "arn:of-login"
    assert left["Resources"] == {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "arn:aws:not-held:::Other"}}
    }


def test_an_elastic_ip_is_asked_for_its_address_as_moto_knows_it() -> None:
    template = {"Resources": {}, "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["Address", "PublicIp"]}}}}
    assert pruned(template)["Outputs"]["Address"]["Value"] == {"Ref": "Address"}


def test_the_command_counts_what_it_leaves_out(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "highwater_infra.local_cloud",
        str(HOME / "cdk.out"),
        str(tmp_path / "pruned"),
    ]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert set(found["left_out"]) == NOT_HELD
    assert found["left_out"]["AWS::SecretsManager::Secret"] == 5
    assert not NOT_HELD & set(found["held"])


def test_people_are_told_what_is_left_out() -> None:
    parity = (REPOSITORY / "docs" / "parity.md").read_text()
    assert not [kind for kind in NOT_HELD if kind.removeprefix("AWS::") not in parity]


def test_the_code_of_jobs_is_all_that_is_shipped() -> None:
    """The archive has what the jobs import, and nothing else of the repository."""
    folders = [p for p in (HOME / "cdk.out").glob("asset.*") if p.is_dir()]
    (packages,) = [p for p in folders if (p / "jobs").is_dir()]
    shipped = {path.relative_to(packages) for path in packages.rglob("*") if path.is_file()}
    wanted = {
        path.relative_to(REPOSITORY)
        for package in ("contracts", "jobs")
        for path in (REPOSITORY / package).rglob("*.py")
    }
    assert shipped == wanted
    (library,) = [p for p in folders if p != packages]
    assert {path.name for path in library.iterdir()} == {"phonenumbers"}
    assert (library / "phonenumbers" / "data" / "region_IN.py").is_file()
    assert Path("contracts/catalog.py") in shipped
