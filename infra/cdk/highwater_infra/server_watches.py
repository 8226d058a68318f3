"""What is watched of the Prefect server: its database, and what its load balancer sees of it.

Its dashboard is in its own stack as its alarms are: shown on the account's, the database and the load balancer could not be
replaced while the other stack names them.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_elasticloadbalancingv2 as balancing
from aws_cdk import aws_rds as rds

from deployments import names
from highwater_infra.alarms import alarm
from highwater_infra.containers import Release
from highwater_infra.dashboard import dashboard
from highwater_infra.permissions.statement import arn
from highwater_infra.watch import Watch

_Comparison = cloudwatch.ComparisonOperator
_GIB: Final = 1024**3
# RDS adds storage once less than a tenth is free, of 20 GiB at least: this much is left only where that did not help.
STORAGE_LEFT: Final = 1.5 * _GIB
# Of the 2 GiB that a db.t4g.small has.
MEMORY_LEFT: Final = 0.15 * _GIB
# PostgreSQL allows about 190 with this much memory; a server in order has a few dozen.
CONNECTIONS: Final = 150
CPU_PERCENT: Final = 80
ERRORS: Final = 10
# In a row: a release or a failover is over by then.
_PERIODS: Final = 3
_BALANCERS: Final = "AWS/ApplicationELB"
_ADVICE: Final = "docs/operate.md: the Prefect server."


def watch(
    stack: Stack,
    database: rds.DatabaseInstance,
    balancer: balancing.ApplicationLoadBalancer,
    targets: balancing.ApplicationTargetGroup,
    release: Release,
) -> None:
    missing = _no_server(balancer, targets)
    watches = [*_database(database), *_balancer(balancer, targets)]
    for each in (missing, *watches):
        made = alarm(stack, each, arn("sns", names.CRITICAL if each.critical else names.WARNINGS))
        if each is missing:
            # Without an image no server is missed.
            made.cfn_options.condition = release.named
    dashboard(stack, names.SERVER, [missing, *watches])


def _database(database: rds.DatabaseInstance) -> list[Watch]:
    def figure(name: str, statistic: str) -> cloudwatch.Metric:
        return _metric("AWS/RDS", name, statistic, {"DBInstanceIdentifier": database.instance_identifier})

    return [
        Watch(
            "server-storage",
            figure("FreeStorageSpace", "Minimum"),
            STORAGE_LEFT,
            _Comparison.LESS_THAN_THRESHOLD,
            f"Prefect's database is nearly full and does not grow any more: full, it takes no run. {_ADVICE}",
            critical=True,
            periods=_PERIODS,
        ),
        Watch(
            "server-cpu",
            figure("CPUUtilization", "Average"),
            CPU_PERCENT,
            _Comparison.GREATER_THAN_THRESHOLD,
            f"Prefect's database is busy: runs start late. Performance Insights says with what. {_ADVICE}",
            periods=_PERIODS,
        ),
        Watch(
            "server-memory",
            figure("FreeableMemory", "Minimum"),
            MEMORY_LEFT,
            _Comparison.LESS_THAN_THRESHOLD,
            f"Prefect's database has hardly any memory left; with none, it restarts. {_ADVICE}",
            periods=_PERIODS,
        ),
        Watch(
            "server-connections",
            figure("DatabaseConnections", "Maximum"),
            CONNECTIONS,
            _Comparison.GREATER_THAN_THRESHOLD,
            f"Prefect's database has nearly as many connections as it takes. Restart the server. {_ADVICE}",
            periods=_PERIODS,
        ),
    ]


def _balancer(
    balancer: balancing.ApplicationLoadBalancer, targets: balancing.ApplicationTargetGroup
) -> list[Watch]:
    return [
        Watch(
            "server-unhealthy",
            _of_targets(balancer, targets, "UnHealthyHostCount", "Maximum"),
            1,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            f"A task of the Prefect server does not answer /api/health, or each new one fails. {_ADVICE}",
            periods=_PERIODS,
        ),
        Watch(
            "server-errors",
            _of_targets(balancer, targets, "HTTPCode_Target_5XX_Count", "Sum"),
            ERRORS,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            f"The Prefect server answers with errors of its own: look at {names.SERVER_LOGS}. {_ADVICE}",
            periods=_PERIODS,
        ),
        Watch(
            "server-unanswered",
            # Of the load balancer itself: there is none of these for each target group.
            _metric(_BALANCERS, "HTTPCode_ELB_5XX_Count", "Sum", _only(balancer)),
            ERRORS,
            _Comparison.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            f"The load balancer answers for the Prefect server: no task (503), too late (504), dropped (502). {_ADVICE}",
            periods=_PERIODS,
        ),
    ]


def _no_server(
    balancer: balancing.ApplicationLoadBalancer, targets: balancing.ApplicationTargetGroup
) -> Watch:
    return Watch(
        "no-server",
        _of_targets(balancer, targets, "HealthyHostCount", "Maximum"),
        1,
        _Comparison.LESS_THAN_THRESHOLD,
        f"No task of the Prefect server answers: nothing starts, and runs cannot say how they end. {_ADVICE}",
        critical=True,
        # A group without a task has no figure.
        missing=cloudwatch.TreatMissingData.BREACHING,
        periods=_PERIODS,
    )


def _of_targets(
    balancer: balancing.ApplicationLoadBalancer,
    targets: balancing.ApplicationTargetGroup,
    name: str,
    statistic: str,
) -> cloudwatch.Metric:
    dimensions = {**_only(balancer), "TargetGroup": targets.target_group_full_name}
    return _metric(_BALANCERS, name, statistic, dimensions)


def _only(balancer: balancing.ApplicationLoadBalancer) -> dict[str, str]:
    return {"LoadBalancer": balancer.load_balancer_full_name}


def _metric(namespace: str, name: str, statistic: str, dimensions: dict[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        period=Duration.minutes(5),
    )
