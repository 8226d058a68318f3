"""A Prefect server of our own, where Prefect Cloud is not used: Fargate behind an internal load balancer, PostgreSQL."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnCondition, CfnOutput, CfnParameter, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as balancing
from aws_cdk import aws_rds as rds
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from deployments import names
from highwater_infra import server_watches
from highwater_infra.access import Access
from highwater_infra.containers import PLATFORM, Release, container
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.log_groups import log_group
from highwater_infra.network import Network
from highwater_infra.optional import is_given
from highwater_infra.orchestration import Orchestration
from highwater_infra.server_database import made

_PORT: Final = 4200
_PRIVATE: Final = ec2.SubnetSelection(subnet_group_name="private")


class Server(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        lake: Lake,
        network: Network,
        access: Access,
        orchestration: Orchestration,
    ) -> None:
        super().__init__(scope, name)
        self._environment, self._lake, self._network, self._access = environment, lake, network, access
        self._group = ec2.SecurityGroup(
            self,
            "Server",
            vpc=network.vpc,
            description="The Prefect server: called by its load balancer, calls its database",
            allow_all_outbound=False,
        )
        # As it is: what it may reach belongs to the network's stack, not to this one.
        self._tasks = ec2.SecurityGroup.from_security_group_id(
            self, "Tasks", network.tasks.security_group_id, mutable=False
        )
        database = made(self, environment, lake, network, self._group)
        CfnOutput(self, "DatabaseId", value=database.instance_identifier)
        release = Release(self, orchestration.images)
        service = self._service(orchestration.cluster, release, database)
        balancer, targets = self._balancer(service)
        server_watches.watch(self, database, balancer, targets, release)

    def _service(
        self, cluster: ecs.ICluster, release: Release, database: rds.DatabaseInstance
    ) -> ecs.FargateService:
        definition = ecs.FargateTaskDefinition(
            self,
            "ServerTask",
            family=names.SERVER,
            cpu=1024,
            memory_limit_mib=2048,
            runtime_platform=PLATFORM,
            # The server calls nothing of AWS's: the role that starts it is all it needs.
            execution_role=self._access.server_start.without_policy_updates(),
        )
        assert database.secret
        # By ARN, without its key: otherwise the key's policy would name a role that is made after the key.
        login = secrets.Secret.from_secret_complete_arn(self, "Login", database.secret.secret_arn)
        keys = secrets.Secret.from_secret_complete_arn(
            self, "PrefectSecret", self._lake.prefect_secret.attr_id
        )
        container(
            definition,
            "server",
            release,
            log_group(self, "ServerLogs", names.SERVER_LOGS, self._lake.key, self._environment.log_days),
            "server",
            {
                "PREFECT_SERVER_DATABASE_DRIVER": "postgresql+asyncpg",
                "PREFECT_SERVER_DATABASE_HOST": database.db_instance_endpoint_address,
                "PREFECT_SERVER_DATABASE_PORT": database.db_instance_endpoint_port,
                "PREFECT_SERVER_DATABASE_NAME": "prefect",
                "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
                # Longer than the load balancer's 60 s: a connection that the server closes first can end in a 502.
                "PREFECT_SERVER_API_KEEPALIVE_TIMEOUT": "75",
                # Where it puts the UI together: the image itself is not written to.
                "PREFECT_UI_STATIC_DIRECTORY": "/tmp/prefect-ui",  # noqa: S108
            },
            {
                "PREFECT_SERVER_DATABASE_USER": ecs.Secret.from_secrets_manager(login, "username"),
                "PREFECT_SERVER_DATABASE_PASSWORD": ecs.Secret.from_secrets_manager(login, "password"),
                "PREFECT_SERVER_API_AUTH_STRING": ecs.Secret.from_secrets_manager(keys, "auth_string"),
            },
            command=["python", "-m", "prefect", "server", "start", "--host", "0.0.0.0", "--port", str(_PORT)],  # noqa: S104 - the load balancer's way in; nobody else may call
            port=_PORT,
        )
        service = ecs.FargateService(
            self,
            "Service",
            service_name=names.SERVER,
            cluster=cluster,
            task_definition=definition,
            security_groups=[self._tasks, self._group],
            vpc_subnets=_PRIVATE,
            assign_public_ip=False,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            health_check_grace_period=Duration.minutes(5),
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        release.nothing_runs_without(service)
        return service

    def _people(self, balancer: ec2.SecurityGroup) -> None:
        """How people come into the VPC (VPN, peering, Session Manager) is not ours; from where they may call is."""
        network = CfnParameter(
            self,
            "PeopleCidr",
            default="",
            allowed_pattern=r"^$|^(\d{1,3}\.){3}\d{1,3}/([89]|[12]\d|3[0-2])$",
            description="private network from which people open the server, 10.8.0.0/16; empty: nobody does",
        )
        given = CfnCondition(self, "PeopleAreLetIn", expression=is_given(network))
        ingress = ec2.CfnSecurityGroupIngress(
            self,
            "People",
            group_id=balancer.security_group_id,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ip=network.value_as_string,
            description="people, as PeopleCidr says",
        )
        ingress.cfn_options.condition = given

    def _balancer(
        self, service: ecs.FargateService
    ) -> tuple[balancing.ApplicationLoadBalancer, balancing.ApplicationTargetGroup]:
        domain = CfnParameter(
            self, "Domain", description="name of the server inside the VPC, prefect.example.com"
        )
        certificate = CfnParameter(self, "CertificateArn", description="ACM certificate of that name")
        group = ec2.SecurityGroup(
            self,
            "BalancerAccess",
            vpc=self._network.vpc,
            description="Load balancer of the server: called by our tasks and by people",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(self._tasks, ec2.Port.tcp(443), "our tasks")
        self._people(group)
        balancer = balancing.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self._network.vpc,
            vpc_subnets=_PRIVATE,
            internet_facing=False,
            security_group=group,
            deletion_protection=True,
            drop_invalid_header_fields=True,
        )
        balancer.set_attribute("access_logs.s3.enabled", "true")
        balancer.set_attribute("access_logs.s3.bucket", self._lake.access_logs.bucket_name)
        balancer.set_attribute("access_logs.s3.prefix", "server")
        CfnOutput(self, "BalancerArn", value=balancer.load_balancer_arn)
        listener = balancer.add_listener(
            "Https",
            port=443,
            open=False,
            certificates=[balancing.ListenerCertificate.from_arn(certificate.value_as_string)],
            ssl_policy=balancing.SslPolicy.TLS13_RES,
        )
        targets = listener.add_targets(
            "Server",
            port=_PORT,
            protocol=balancing.ApplicationProtocol.HTTP,
            targets=[service],
            health_check=balancing.HealthCheck(path="/api/health", interval=Duration.seconds(30)),
            deregistration_delay=Duration.seconds(30),
        )
        self._name(domain, balancer)
        return balancer, targets

    def _name(self, domain: CfnParameter, balancer: balancing.ApplicationLoadBalancer) -> None:
        zone = route53.CfnHostedZone(
            self,
            "Zone",
            name=domain.value_as_string,
            vpcs=[route53.CfnHostedZone.VPCProperty(vpc_id=self._network.vpc.vpc_id, vpc_region=self.region)],
        )
        route53.CfnRecordSet(
            self,
            "Name",
            hosted_zone_id=zone.attr_id,
            name=domain.value_as_string,
            type="A",
            alias_target=route53.CfnRecordSet.AliasTargetProperty(
                dns_name=balancer.load_balancer_dns_name,
                hosted_zone_id=balancer.load_balancer_canonical_hosted_zone_id,
            ),
        )
