from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Templates

NAME = "highwater-server"
GIB = 1024**3


def _alarm(private: Templates, name: str) -> dict[str, Any]:
    return private[NAME].one("AWS::CloudWatch::Alarm", AlarmName=f"highwater-{name}")


def _logical(private: Templates, kind: str) -> str:
    (found,) = [n for n, r in private[NAME].content["Resources"].items() if r["Type"] == kind]
    return str(found)


@pytest.mark.parametrize(
    ("name", "metric", "statistic", "comparison", "threshold", "topic"),
    [
        ("server-storage", "FreeStorageSpace", "Minimum", "LessThanThreshold", 1.5 * GIB, "critical"),
        ("server-cpu", "CPUUtilization", "Average", "GreaterThanThreshold", 80, "warnings"),
        ("server-memory", "FreeableMemory", "Minimum", "LessThanThreshold", 0.15 * GIB, "warnings"),
        ("server-connections", "DatabaseConnections", "Maximum", "GreaterThanThreshold", 150, "warnings"),
    ],
)
def test_the_database_is_watched(
    private: Templates, name: str, metric: str, statistic: str, comparison: str, threshold: float, topic: str
) -> None:
    alarm = _alarm(private, name)
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/RDS", metric, statistic)
    database = {"Ref": _logical(private, "AWS::RDS::DBInstance")}
    assert alarm["Dimensions"] == [{"Name": "DBInstanceIdentifier", "Value": database}]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (comparison, threshold)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)
    assert f"highwater-{topic}" in str(alarm["AlarmActions"])


@pytest.mark.parametrize(
    ("name", "metric", "statistic", "comparison", "threshold", "topic"),
    [
        ("no-server", "HealthyHostCount", "Maximum", "LessThanThreshold", 1, "critical"),
        ("server-unhealthy", "UnHealthyHostCount", "Maximum", "GreaterThanOrEqualToThreshold", 1, "warnings"),
        (
            "server-errors",
            "HTTPCode_Target_5XX_Count",
            "Sum",
            "GreaterThanOrEqualToThreshold",
            10,
            "warnings",
        ),
    ],
)
def test_what_the_load_balancer_sees_of_the_server_is_watched(
    private: Templates, name: str, metric: str, statistic: str, comparison: str, threshold: int, topic: str
) -> None:
    alarm = _alarm(private, name)
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", metric)
    assert alarm["Statistic"] == statistic
    dimensions = {d["Name"]: str(d["Value"]) for d in alarm["Dimensions"]}
    assert _logical(private, "AWS::ElasticLoadBalancingV2::TargetGroup") in dimensions["TargetGroup"]
    assert _logical(private, "AWS::ElasticLoadBalancingV2::LoadBalancer") in dimensions["LoadBalancer"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (comparison, threshold)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)
    assert f"highwater-{topic}" in str(alarm["AlarmActions"])


def test_a_server_that_hangs_or_drops_connections_is_watched(private: Templates) -> None:
    """The load balancer answers then in its place (502, 504): that figure is of no target group."""
    alarm = _alarm(private, "server-unanswered")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count")
    (dimension,) = alarm["Dimensions"]
    assert dimension["Name"] == "LoadBalancer"
    assert _logical(private, "AWS::ElasticLoadBalancingV2::LoadBalancer") in str(dimension["Value"])
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 10)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 3)
    assert "highwater-warnings" in str(alarm["AlarmActions"])


def test_storage_is_told_only_when_growing_by_itself_has_not_helped(private: Templates) -> None:
    """RDS adds storage when less than a tenth is free: above that there is nothing to do."""
    storage = int(private[NAME].one("AWS::RDS::DBInstance")["AllocatedStorage"]) * GIB
    assert _alarm(private, "server-storage")["Threshold"] < storage / 10


def test_no_server_is_missed_before_there_is_an_image(private: Templates) -> None:
    alarms = {a["Properties"]["AlarmName"]: a for a in private[NAME].all("AWS::CloudWatch::Alarm")}
    missing = alarms.pop("highwater-no-server")
    assert missing["Condition"] == "ImageIsNamed"
    assert missing["Properties"]["TreatMissingData"] == "breaching"
    assert {alarm["Properties"]["TreatMissingData"] for alarm in alarms.values()} == {"notBreaching"}


def test_the_servers_dashboard_shows_what_is_watched(private: Templates) -> None:
    dashboard = private[NAME].one("AWS::CloudWatch::Dashboard", DashboardName="highwater-server")
    alarms = private[NAME].properties("AWS::CloudWatch::Alarm")
    assert len(alarms) == 8
    for alarm in alarms:
        assert f'"title":"{alarm["AlarmName"].removeprefix("highwater-")}"' in str(dashboard["DashboardBody"])
