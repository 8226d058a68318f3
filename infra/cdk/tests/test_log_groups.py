from __future__ import annotations

from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from tests.roles import actions_of, listed, statements_of_all

if TYPE_CHECKING:
    from tests.conftest import Templates

COMPUTE, ACCESS, ORCHESTRATION = "highwater-compute", "highwater-access", "highwater-orchestration"
OF_GLUE = {
    "/aws-glue/jobs/logs-v2-highwater",
    *(
        f"/aws-glue/jobs/highwater-role/{role}/{stream}"
        for role in ("highwater-glue", "highwater-glue-medallion")
        for stream in ("output", "error")
    ),
}
OF_SAGEMAKER = {
    "/aws/sagemaker/ProcessingJobs",
    "/aws/sagemaker/TrainingJobs",
    "/aws/sagemaker/TransformJobs",
    "/aws/sagemaker/Endpoints/highwater-churn",
}


def test_the_groups_that_services_write_to_are_ours(prod: Templates, dev: Templates) -> None:
    groups = list(prod[COMPUTE].all("AWS::Logs::LogGroup"))
    assert {group["Properties"]["LogGroupName"] for group in groups} == OF_GLUE | OF_SAGEMAKER
    for group in groups:
        assert "Key" in group["Properties"]["KmsKeyId"]["Fn::ImportValue"]
        assert group["Properties"]["RetentionInDays"] == 365
        assert group["DeletionPolicy"] == "RetainExceptOnCreate"
    assert {g["RetentionInDays"] for g in dev[COMPUTE].properties("AWS::Logs::LogGroup")} == {30}


def test_glues_groups_are_named_after_the_jobs_security_and_role(prod: Templates) -> None:
    security = prod[COMPUTE].one("AWS::Glue::SecurityConfiguration")["Name"]
    exported = {
        output["Export"]["Name"]: output["Value"]["Fn::GetAtt"][0]
        for output in prod[ACCESS].content["Outputs"].values()
        if "Fn::GetAtt" in output["Value"] and "Export" in output
    }
    roles = {
        prod[ACCESS].content["Resources"][exported[job["Role"]["Fn::ImportValue"]]]["Properties"]["RoleName"]
        for job in prod[COMPUTE].properties("AWS::Glue::Job")
    }
    named = {
        f"/aws-glue/jobs/{security}-role/{role}/{stream}" for role in roles for stream in ("output", "error")
    }
    assert named | {f"/aws-glue/jobs/logs-v2-{security}"} == OF_GLUE


def test_container_insights_finds_its_group_made(prod: Templates, dev: Templates) -> None:
    """ECS makes it with the cluster, where it is not there: the cluster waits for ours."""
    resources = prod[ORCHESTRATION].content["Resources"]
    (cluster,) = prod[ORCHESTRATION].all("AWS::ECS::Cluster")
    assert cluster["Properties"]["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]
    wanted = f"/aws/ecs/containerinsights/{cluster['Properties']['ClusterName']}/performance"
    (logical,) = [
        name
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Logs::LogGroup" and resource["Properties"]["LogGroupName"] == wanted
    ]
    assert logical in listed(cluster["DependsOn"])
    group = resources[logical]
    assert "Key" in group["Properties"]["KmsKeyId"]["Fn::ImportValue"]
    assert group["Properties"]["RetentionInDays"] == 365
    assert group["DeletionPolicy"] == "RetainExceptOnCreate"
    assert dev[ORCHESTRATION].one("AWS::Logs::LogGroup", LogGroupName=wanted)["RetentionInDays"] == 30


def _logging(prod: Templates) -> list[dict[str, Any]]:
    return [
        s
        for s in statements_of_all(prod)
        if any(fnmatch("logs:CreateLogStream", a) for a in listed(s["Action"]))
    ]


def test_no_role_makes_a_log_group(prod: Templates) -> None:
    """One that a role made would be kept for ever."""
    actions = actions_of(statements_of_all(prod))
    assert "logs:CreateLogStream" in actions
    assert [action for action in actions if fnmatch("logs:CreateLogGroup", action)] == []


def test_a_job_writes_to_the_groups_that_were_made_and_to_no_other(prod: Templates) -> None:
    places = [resource for statement in _logging(prod) for resource in listed(statement["Resource"])]
    assert all(isinstance(place, dict) and place.keys() <= {"Fn::Join", "Fn::GetAtt"} for place in places)
    written = {
        str(resource["Fn::Join"][1][-1]).removeprefix(":log-group:").removesuffix(":*")
        for resource in places
        if "Fn::Join" in resource  # otherwise the group of the same stack, as with the network's flow log
    }
    assert {group for group in written if group.startswith("/aws")} == OF_GLUE | OF_SAGEMAKER


def test_each_glue_role_writes_to_its_own_groups(prod: Templates) -> None:
    of_roles = [s for s in _logging(prod) if "/aws-glue/" in str(s["Resource"])]
    assert len(of_roles) == 2
    for statement in of_roles:
        groups = str(statement["Resource"])
        assert ("highwater-glue/" in groups) != ("highwater-glue-medallion/" in groups)
        assert "logs:AssociateKmsKey" in statement["Action"]
