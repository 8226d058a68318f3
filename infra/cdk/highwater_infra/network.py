"""Where tasks run: private subnets, AWS reached through endpoints, the internet only on port 443 and only outwards."""

from __future__ import annotations

from typing import Final

from aws_cdk import CfnOutput, CfnParameter, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from highwater_infra import default_group, endpoint_policies
from highwater_infra.environments import Environment
from highwater_infra.permissions.isolation import TrainingNetwork

_Service = ec2.InterfaceVpcEndpointAwsService
INTERFACES: Final = {
    "EcrApi": _Service.ECR,
    "EcrDocker": _Service.ECR_DOCKER,
    "Ecs": _Service.ECS,
    "Events": _Service.EVENTBRIDGE,
    "Glue": _Service.GLUE,
    "Kms": _Service.KMS,
    "Logs": _Service.CLOUDWATCH_LOGS,
    "Monitoring": _Service.CLOUDWATCH_MONITORING,
    "FeatureStore": _Service.SAGEMAKER_FEATURESTORE_RUNTIME,
    "SageMaker": _Service.SAGEMAKER_API,
    "SageMakerEndpoints": _Service.SAGEMAKER_RUNTIME,
    "SecretsManager": _Service.SECRETS_MANAGER,
    "Sns": _Service.SNS,
    "Sqs": _Service.SQS,
    "Sts": _Service.STS,
}
GATEWAYS: Final = {
    "S3": ec2.GatewayVpcEndpointAwsService.S3,
    "DynamoDb": ec2.GatewayVpcEndpointAwsService.DYNAMODB,
}


class Network(Stack):
    def __init__(self, scope: Construct, name: str, environment: Environment, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self.vpc = self._vpc(environment, key)
        default_group.close(self, self.vpc)
        self.tasks = ec2.SecurityGroup(
            self,
            "Tasks",
            vpc=self.vpc,
            description="The worker and flow runs: nobody calls them, they call out over TLS only",
            allow_all_outbound=False,
        )
        self.tasks.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS, Snowflake, Prefect Cloud")
        self._training_group = self._training()
        self._gateway_endpoints(is_closed=not environment.nat_gateways)
        if environment.interface_endpoints:
            self._interface_endpoints(is_closed=not environment.nat_gateways)
        CfnOutput(
            self,
            "SnowflakeClients",
            value=self._clients(),
            description="Networks from which flows reach Snowflake: for python -m warehouse migrate --account",
        )

    def _clients(self) -> str:
        """The addresses of the NAT gateways; without any, those of the VPC, which PrivateLink shows to Snowflake."""
        addresses = [a for a in self.vpc.node.find_all() if isinstance(a, ec2.CfnEIP)]
        if not addresses:
            return self.vpc.vpc_cidr_block
        return Fn.join(",", [f"{address.attr_public_ip}/32" for address in addresses])

    def training_network(self) -> TrainingNetwork:
        return TrainingNetwork(self.private_subnets(), self._training_group.attr_group_id)

    def private_subnets(self) -> list[str]:
        return self.vpc.select_subnets(subnet_group_name="private").subnet_ids

    def _training(self) -> ec2.CfnSecurityGroup:
        """With its rule inside. CDK's own class makes a resource of a rule with a prefix list, and leaves in the group what
        EC2 puts into one that has no rule: everything may go out."""
        s3 = CfnParameter(
            self,
            "S3PrefixList",
            default="pl-78a54011",
            allowed_pattern=r"^pl-[0-9a-f]+$",
            description="AWS's prefix list com.amazonaws.<region>.s3, whose number differs by region (this one: ap-south-1)",
        )
        return ec2.CfnSecurityGroup(
            self,
            "Training",
            vpc_id=self.vpc.vpc_id,
            group_description="Trainings on SageMaker: nobody calls them, and they reach S3 alone, by its gateway endpoint",
            security_group_egress=[
                ec2.CfnSecurityGroup.EgressProperty(
                    ip_protocol="tcp",
                    from_port=443,
                    to_port=443,
                    destination_prefix_list_id=s3.value_as_string,
                    description="S3",
                )
            ],
        )

    def _vpc(self, environment: Environment, key: kms.IKey) -> ec2.Vpc:
        private = (
            ec2.SubnetType.PRIVATE_WITH_EGRESS
            if environment.nat_gateways
            else ec2.SubnetType.PRIVATE_ISOLATED
        )
        subnets = [ec2.SubnetConfiguration(name="private", subnet_type=private, cidr_mask=20)]
        if environment.nat_gateways:
            subnets.append(
                ec2.SubnetConfiguration(
                    name="public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=26,
                    map_public_ip_on_launch=False,
                )
            )
        vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=environment.zones,
            nat_gateways=environment.nat_gateways,
            # By default_group.py, without CDK's Lambda.
            restrict_default_security_group=False,
            subnet_configuration=subnets,
        )
        flow_logs = logs.LogGroup(
            self,
            "FlowLogs",
            encryption_key=key,
            retention=logs.RetentionDays.ONE_YEAR,
            removal_policy=RemovalPolicy.DESTROY,
        )
        vpc.add_flow_log(
            "Refused",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc

    def _gateway_endpoints(self, *, is_closed: bool) -> None:
        s3, dynamodb = (
            self.vpc.add_gateway_endpoint(name, service=service) for name, service in GATEWAYS.items()
        )
        if is_closed:
            dynamodb.add_to_policy(endpoint_policies.dynamodb())
            for statement in endpoint_policies.s3(self):
                s3.add_to_policy(statement)

    def _interface_endpoints(self, *, is_closed: bool) -> None:
        callers = ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=self.vpc,
            description="Interface endpoints: reached by our tasks over TLS",
            allow_all_outbound=False,
        )
        callers.add_ingress_rule(self.tasks, ec2.Port.tcp(443), "our tasks")
        for name, service in INTERFACES.items():
            endpoint = self.vpc.add_interface_endpoint(
                name, service=service, security_groups=[callers], open=False
            )
            if is_closed:
                endpoint.add_to_policy(endpoint_policies.interface())
