"""Where flows run: the image's registry, the cluster, the task definition of flow runs, and what starts them: the worker
and the inbox's listener.

The worker starts tasks of the definition that is made here and registers none of its own.
"""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, CfnParameter, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from constructs import Construct

from deployments import names
from highwater_infra import inbox, machinery, promotion
from highwater_infra.access import Access
from highwater_infra.alarms import alarm
from highwater_infra.buckets import bucket_name
from highwater_infra.containers import (
    Release,
    container,
    login_is_in,
    prefect_client,
    prefect_login,
    settings,
)
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.log_groups import OF_CLUSTER, log_group
from highwater_infra.network import Network
from highwater_infra.permissions.statement import arn
from highwater_infra.queues import events_queue
from highwater_infra.services import service, task_definition


class Orchestration(Stack):
    def __init__(
        self,
        scope: Construct,
        name: str,
        environment: Environment,
        lake: Lake,
        network: Network,
        access: Access,
    ) -> None:
        super().__init__(scope, name)
        self._environment, self._lake, self._network, self._access = environment, lake, network, access
        self.images = self._images()
        promotion.let_out(self, self.images)
        self.release = Release(self, self.images)
        self.cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=names.CLUSTER,
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            enable_fargate_capacity_providers=True,
        )
        self.cluster.node.add_dependency(
            log_group(self, "ClusterLogs", OF_CLUSTER, lake.key, environment.log_days)
        )
        self._hear_of_tasks()
        self.flow_run = self._flow_run()
        self.worker = self._worker()
        self._watch_worker()
        inbox.hear_of_files(self, lake)
        inbox.listen(self, environment, lake, network, access, self.cluster, self.release)
        CfnOutput(self, "ImageRepository", value=self.images.repository_uri)

    def _images(self) -> ecr.Repository:
        return ecr.Repository(
            self,
            "Images",
            repository_name=names.WORKER,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=self._lake.key,
            lifecycle_rules=[
                ecr.LifecycleRule(description="as far back as anybody would roll back", max_image_count=50)
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )

    def _hear_of_tasks(self) -> None:
        """The worker reads this queue: a task that ends badly is how it knows that a run has crashed."""
        rule = events.Rule(
            self,
            "TaskChanges",
            rule_name=names.TASK_CHANGES,
            description="How tasks end, for the worker",
            event_pattern=events.EventPattern(
                source=["aws.ecs"],
                detail_type=["ECS Task State Change"],
                detail={"clusterArn": [self.cluster.cluster_arn]},
            ),
        )
        ends = events_queue(
            self,
            names.TASK_EVENTS,
            f"{names.TASK_EVENTS}-dead",
            self._lake.key,
            tries=3,
            hidden=Duration.minutes(5),
        )
        ends.fed_by(rule)

    def _flow_run(self) -> ecs.FargateTaskDefinition:
        definition = task_definition(
            self,
            "FlowRun",
            names.FLOW_RUN,
            role=self._access.flow_run,
            start=self._access.flow_run_start,
            cpu=512,
            memory=1024,
        )
        container(
            definition,
            names.FLOW_RUN_CONTAINER,
            self.release,
            log_group(
                self,
                "FlowRunLogs",
                names.FLOW_RUN_LOGS,
                self._lake.key,
                self._environment.log_days,
            ),
            "run",
            settings(
                self._access.sagemaker.role_arn,
                self._xgboost(),
                self._lake.key,
                self._network.training_network(),
                self._environment.database,
            ),
            prefect_login(self, self._lake.prefect_secret, self._environment),
        )
        return definition

    def _xgboost(self) -> str:
        registry = CfnParameter(
            self,
            "XgboostRegistry",
            default="720646828776",
            allowed_pattern=r"^\d{12}$",
            description="AWS's own account that publishes SageMaker's XGBoost image in this region (this one: ap-south-1)",
        )
        return f"{registry.value_as_string}.dkr.ecr.{Aws.REGION}.amazonaws.com/sagemaker-xgboost:3.2-0"

    def _worker(self) -> ecs.FargateService:
        definition = task_definition(
            self,
            "WorkerTask",
            names.WORKER,
            role=self._access.worker,
            start=self._access.worker_start,
            cpu=512,
            memory=1024,
        )
        private = self._network.private_subnets()
        container(
            definition,
            "worker",
            self.release,
            log_group(self, "WorkerLogs", names.WORKER_LOGS, self._lake.key, self._environment.log_days),
            "worker",
            {
                "HIGHWATER_CLUSTER": names.CLUSTER,
                "HIGHWATER_TASK_DEFINITION": names.FLOW_RUN,
                "HIGHWATER_SUBNETS": Fn.join(",", private),
                "HIGHWATER_SECURITY_GROUPS": self._network.tasks.security_group_id,
                # For the block that tells flow runs where their results are kept.
                "HIGHWATER_ARTIFACTS_BUCKET": bucket_name(names.ARTIFACTS),
                "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME": names.TASK_EVENTS,
                **login_is_in(self._lake.prefect_secret, self._environment),
            },
            prefect_client(self, self._lake.prefect_secret, self._environment),
            health=["CMD", "python", "-m", "deployments.health"],
        )
        made = service(self, "Worker", self.cluster, definition, self._network, self.release)
        self._scale(made)
        return made

    def _watch_worker(self) -> None:
        """Here, where it is known whether there is an image: without one no worker is missed."""
        watching = alarm(self, machinery.no_worker(), arn("sns", names.CRITICAL))
        watching.cfn_options.condition = self.release.named

    def _scale(self, service: ecs.FargateService) -> None:
        # Nobody to keep busy until there is an image.
        at_least = self.release.tasks(1)
        target = scaling.ScalableTarget(
            self,
            "Workers",
            service_namespace=scaling.ServiceNamespace.ECS,
            resource_id=f"service/{names.CLUSTER}/{names.WORKER}",
            scalable_dimension="ecs:service:DesiredCount",
            min_capacity=at_least,
            max_capacity=self._environment.workers_most,
        )
        target.node.add_dependency(service)
        target.scale_to_track_metric(
            "Busy",
            target_value=60,
            predefined_metric=scaling.PredefinedMetric.ECS_SERVICE_AVERAGE_CPU_UTILIZATION,
        )
