"""The account's stacks on the local CloudFormation, as far as it can hold them, and by hand what it can't."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from typing import Any

from deployments import names
from local import resource_kinds, resources
from local.aws_resources import (
    create_bucket,
    create_feature_group,
    create_glue_database,
    create_glue_job,
    create_model_package_groups,
    upload_glue_code,
)
from tests.rehearsal.scene import ENVIRONMENT, UNIQUE, Scene

SECRETS = (
    *(names.SNOWFLAKE_SECRET, names.SNOWFLAKE_DEPLOYER_SECRET, names.SOURCE_SHOP_SECRET),
    *(names.HASH_KEY_SECRET, names.PREFECT_SECRET),
)
# moto computes no outputs for a change set.
LOCALLY = "--require-approval never --method direct --ci"


def synthesize(scene: Scene) -> str:
    """What `make infra` does first. `make rehearse` has installed what it needs."""
    place = scene.scratch / "cdk.out"
    scene.run(
        f"(cd infra/cdk && CDK_OUTDIR='{place}' PATH=$PWD/.venv/bin:$PATH PYTHONPATH=../.. python app.py {ENVIRONMENT})"
    )
    templates = sorted(place.glob("*.template.json"))
    count = sum(len(json.loads(path.read_text())["Resources"]) for path in templates)
    return f"{len(templates)} templates of {ENVIRONMENT} with {count} resources"


def deploy_limits(scene: Scene, command: str) -> str:
    scene.run(command)
    policies = scene.aws("iam").list_policies(Scope="Local")["Policies"]
    found = sorted(p["PolicyName"] for p in policies if p["PolicyName"].startswith("cdk-highwater-"))
    return f"{_status(scene, 'cdk-highwater-limits')}: policies {', '.join(found)}"


def prepare_bootstrap(scene: Scene) -> str:
    """What of `cdk bootstrap` a deployment asks for."""
    bucket = resource_kinds.Bucket(f"cdk-hnb659fds-assets{UNIQUE}")
    create_bucket(scene.aws("s3"), bucket)
    scene.aws("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String")
    return f"bucket {bucket.name}, version 30"


def create_secrets(scene: Scene) -> str:
    """Without a value, as the stacks make them: they come first here, so that the templates have their ARNs."""
    made = [scene.aws("secretsmanager").create_secret(Name=name) for name in SECRETS]
    scene.noted["secrets"] = {secret["Name"]: secret["ARN"] for secret in made}
    return f"{', '.join(SECRETS)}: empty"


def deploy(scene: Scene, command: str) -> str:
    place = scene.scratch / "cdk.local"
    secrets = " ".join(f"--secret {name}={arn}" for name, arn in scene.noted["secrets"].items())
    prune = f"python -m highwater_infra.local_cloud '{scene.scratch}/cdk.out' '{place}' {secrets}"
    found = json.loads(scene.run(f"(cd infra/cdk && PATH=$PWD/.venv/bin:$PATH PYTHONPATH=../.. {prune})"))
    return (
        f"{_deployed(scene, command)}: {sum(found['held'].values())} resources; left out "
        f"{sum(found['left_out'].values())} of {len(found['left_out'])} types that the local CloudFormation lacks"
    )


def deploy_again(scene: Scene, command: str) -> str:
    """What `deploy` took, for its outputs."""
    states = _deployed(scene, command)
    outputs = json.loads(scene.run('cat "$outputs"'))
    return f"{states}; outputs of {len(outputs)} stacks"


def _deployed(scene: Scene, command: str) -> str:
    scene.run(f"{command} --app '{scene.scratch}/cdk.local' {LOCALLY}")
    stacks = scene.aws("cloudformation").describe_stacks()["Stacks"]
    return _counted(s["StackStatus"] for s in stacks if s["StackName"].startswith("highwater-"))


def trust_snowflake(scene: Scene, command: str) -> str:
    scene.run(f"{command} --app '{scene.scratch}/cdk.local' {LOCALLY}")
    trust = scene.aws("iam").get_role(RoleName=names.SNOWFLAKE)["Role"]["AssumeRolePolicyDocument"]
    (stack,) = scene.aws("cloudformation").describe_stacks(StackName="highwater-access")["Stacks"]
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]}
    if given["SnowflakeUserArn"] != scene.values["arn"] or scene.values["arn"] not in json.dumps(trust):
        raise AssertionError(f"{names.SNOWFLAKE} trusts {json.dumps(trust)}, not {scene.values['arn']}")
    return f"{stack['StackStatus']}; {names.SNOWFLAKE} trusts {scene.values['arn']}"


def create_what_is_left_out(scene: Scene) -> str:
    """What flows need of it. The rest (docs/parity.md) has no effect here."""
    s3, glue, sagemaker = scene.aws("s3"), scene.aws("glue"), scene.aws("sagemaker")
    create_bucket(s3, resources.ARTIFACTS)  # the code of Glue's jobs, which the stacks have as assets of CDK
    for job in resources.GLUE_JOBS:
        upload_glue_code(s3, job)
        create_glue_job(glue, job)
    for database in resources.GLUE_DATABASES:
        create_glue_database(glue, _in_the_stacks_bucket(database))
    _name_hosts(scene.aws("ec2"))
    create_model_package_groups(sagemaker)
    for group in resources.FEATURE_GROUPS:
        create_feature_group(sagemaker, _in_the_stacks_bucket(group))
    jobs, databases = glue.get_jobs()["Jobs"], glue.get_databases()["DatabaseList"]
    groups = sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    return f"{len(jobs)} Glue jobs, {len(databases)} databases, {len(groups)} model groups, 1 feature group, by hand"


def _name_hosts(ec2: Any) -> None:
    """moto's CloudFormation does not apply EnableDnsHostnames, and its ECS wants a task to have such a name."""
    for vpc in ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]:
        ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": True})


def _in_the_stacks_bucket(declared: Any) -> Any:
    return dataclasses.replace(
        declared, location=re.sub(r"^s3://([^/]+)", rf"s3://\1{UNIQUE}", declared.location)
    )


def container(scene: Scene, family: str) -> dict[str, Any]:
    """Of a task definition of the stacks."""
    found = scene.aws("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]
    (only,) = found["containerDefinitions"]
    return dict(only)


def _status(scene: Scene, stack: str) -> str:
    (found,) = scene.aws("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return str(found["StackStatus"])


def _counted(states: Any) -> str:
    return ", ".join(f"{count} {state}" for state, count in Counter(states).items())
