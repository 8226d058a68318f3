"""The database of a Prefect server of our own."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds

from deployments import names
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.network import Network


def made(
    stack: Stack, environment: Environment, lake: Lake, network: Network, server: ec2.SecurityGroup
) -> rds.DatabaseInstance:
    engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_9)
    group = ec2.SecurityGroup(
        stack,
        "DatabaseAccess",
        vpc=network.vpc,
        description="Database of Prefect: called by the server",
        allow_all_outbound=False,
    )
    group.add_ingress_rule(server, ec2.Port.tcp(5432), "the server")
    server.add_egress_rule(group, ec2.Port.tcp(5432), "its database")
    return rds.DatabaseInstance(
        stack,
        "Database",
        engine=engine,
        instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.SMALL),
        vpc=network.vpc,
        vpc_subnets=ec2.SubnetSelection(subnet_group_name="private"),
        security_groups=[group],
        multi_az=environment.database_zones > 1,
        database_name="prefect",
        credentials=rds.Credentials.from_secret(
            rds.DatabaseSecret(
                stack,
                "DatabaseSecret",
                username="prefect",
                secret_name=names.SERVER_DATABASE_SECRET,
                encryption_key=lake.key,
            )
        ),
        allocated_storage=20,
        max_allocated_storage=200,
        storage_encrypted=True,
        storage_encryption_key=lake.key,
        backup_retention=Duration.days(14),
        copy_tags_to_snapshot=True,
        auto_minor_version_upgrade=True,
        deletion_protection=True,
        removal_policy=RemovalPolicy.SNAPSHOT,
        iam_authentication=True,
        enable_performance_insights=True,
        performance_insight_encryption_key=lake.key,
        cloudwatch_logs_exports=["postgresql"],
        parameter_group=rds.ParameterGroup(
            stack, "Parameters", engine=engine, parameters={"rds.force_ssl": "1", "log_statement": "ddl"}
        ),
    )
