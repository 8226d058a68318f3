"""Who may do what: one role for each kind of task, one for Snowflake, for people, and for deployments from GitHub."""

from __future__ import annotations

from aws_cdk import Aws, CfnCondition, CfnOutput, CfnParameter, Duration, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from deployments import names
from highwater_infra.environments import Environment
from highwater_infra.network import Network
from highwater_infra.optional import is_given
from highwater_infra.permissions import churn, extraction, inbox, jobs, models, outside, people, tasks
from highwater_infra.permissions.statement import Statement, role_arn

_GITHUB = "token.actions.githubusercontent.com"
_WORKFLOW = ".github/workflows/deploy.yml@refs/heads/main"


class Access(Stack):
    def __init__(
        self, scope: Construct, name: str, environment: Environment, key: kms.IKey, network: Network
    ) -> None:
        super().__init__(scope, name)
        arn = key.key_arn
        training = network.training_network()
        self.glue_job = self._role(names.GLUE, "glue", "cleans files, makes features", jobs.glue_job(arn))
        self.medallion_job = self._role(
            names.GLUE_MEDALLION, "glue", "computes silver and gold", jobs.medallion_job(arn)
        )
        self.sagemaker = self._role(
            names.SAGEMAKER, "sagemaker", "trains, evaluates and predicts", jobs.sagemaker_job(arn, training)
        )
        self.feature_store = self._role(
            names.FEATURE_STORE, "sagemaker", "writes the offline store's files", churn.feature_store(arn)
        )
        self.flow_run = self._role(
            names.FLOW_RUN,
            "ecs-tasks",
            "flow runs: start jobs, publish, tell people",
            tasks.flow_run(arn),
        )
        self._more(self.flow_run, names.FLOW_RUN_INBOX, "what partners deliver", inbox.flow_run())
        self._more(self.flow_run, names.FLOW_RUN_MODELS, "jobs of models", models.flow_run(training))
        self._more(
            self.flow_run, names.FLOW_RUN_EXTRACTION, "what is extracted from sources", extraction.flow_run()
        )
        self._more(self.flow_run, names.FLOW_RUN_CHURN, "the churn model and its endpoint", churn.flow_run())
        self.flow_run_start = self._role(
            names.FLOW_RUN_START,
            "ecs-tasks",
            "starts flow runs",
            tasks.start(arn, log_groups=[names.FLOW_RUN_LOGS], secrets=[names.PREFECT_SECRET]),
        )
        self.worker = self._role(
            names.WORKER, "ecs-tasks", "the Prefect worker: starts flow runs as tasks", tasks.worker(arn)
        )
        self.worker_start = self._role(
            names.WORKER_START,
            "ecs-tasks",
            "starts the worker",
            tasks.start(arn, log_groups=[names.WORKER_LOGS], secrets=[names.PREFECT_SECRET]),
        )
        self.inbox_listener = self._role(
            names.INBOX_LISTENER,
            "ecs-tasks",
            "the inbox's listener: starts flow runs for files",
            inbox.listener(arn),
        )
        self.inbox_listener_start = self._role(
            names.INBOX_LISTENER_START,
            "ecs-tasks",
            "starts the inbox's listener",
            tasks.start(arn, log_groups=[names.INBOX_LISTENER_LOGS], secrets=[names.PREFECT_SECRET]),
        )
        if environment.prefect == "self-hosted":
            self.server_start = self._server_start(arn)
        self._snowflake(arn)
        self._operator(arn)
        self._deploy(environment)

    def _role(self, name: str, service: str, purpose: str, statements: list[Statement]) -> iam.Role:
        # Only on behalf of this account's own jobs and tasks: a confused deputy of another account is refused.
        principal = iam.ServicePrincipal(
            f"{service}.amazonaws.com",
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
        role = iam.Role(self, name, role_name=name, description=f"Highwater: {purpose}", assumed_by=principal)
        for statement in statements:
            statement.give_to(role)
        return role

    def _more(self, role: iam.Role, name: str, purpose: str, statements: list[Statement]) -> None:
        """Beside the policy inside the role, for which IAM has ten thousand characters and no more."""
        policy = iam.ManagedPolicy(
            self, name, managed_policy_name=name, description=f"Highwater: {purpose}", roles=[role]
        )
        for statement in statements:
            statement.give_to(policy)

    def _server_start(self, key_arn: str) -> iam.Role:
        secrets = [names.PREFECT_SECRET, names.SERVER_DATABASE_SECRET]
        statements = tasks.start(key_arn, log_groups=[names.SERVER_LOGS], secrets=secrets)
        return self._role(names.SERVER_START, "ecs-tasks", "starts the Prefect server", statements)

    def _snowflake(self, key_arn: str) -> None:
        """Snowflake says who it is only after its integration was made with this role: docs/deploy.md has the order."""
        user = CfnParameter(
            self,
            "SnowflakeUserArn",
            default="",
            description="STORAGE_AWS_IAM_USER_ARN of Snowflake's integration <database>_LAKE; empty until it was made",
        )
        external_id = CfnParameter(
            self,
            "SnowflakeExternalId",
            default="not-known-yet",
            no_echo=True,
            description="STORAGE_AWS_EXTERNAL_ID of Snowflake's integration <database>_LAKE",
        )
        known = CfnCondition(self, "SnowflakeKnown", expression=is_given(user))
        # A trust policy must name somebody that exists. Glue's role may assume no role, so until then nobody can.
        nobody = role_arn(names.GLUE)
        trusted = Fn.condition_if(known.logical_id, user.value_as_string, nobody).to_string()
        role = iam.Role(
            self,
            names.SNOWFLAKE,
            role_name=names.SNOWFLAKE,
            description="Highwater: Snowflake's external stage on the lake",
            assumed_by=iam.ArnPrincipal(trusted),
            external_ids=[external_id.value_as_string],
        )
        role.node.add_dependency(self.glue_job)
        for statement in outside.snowflake(key_arn):
            statement.give_to(role)
        CfnOutput(
            self,
            "SnowflakeRoleArn",
            value=role.role_arn,
            description="for python -m warehouse migrate --account",
        )

    def _operator(self, key_arn: str) -> None:
        """Whoever of the account is allowed to assume it elsewhere, and has shown a second factor."""
        role = iam.Role(
            self,
            names.OPERATOR,
            role_name=names.OPERATOR,
            description="Highwater: people who operate it, docs/operate.md",
            assumed_by=iam.AccountRootPrincipal().with_conditions(
                {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
            ),
        )
        for statement in people.operator(key_arn):
            statement.give_to(role)

    def _deploy(self, environment: Environment) -> None:
        """GitHub's environment of the same name lets people approve, but anybody who may push a branch may write a workflow
        that names it: only the workflow of the main branch is trusted."""
        repository = CfnParameter(
            self,
            "GitHubRepository",
            default="",
            allowed_pattern=r"^$|^[\w.-]+/[\w.-]+$|^[\w.-]+@\d+/[\w.-]+@\d+$",
            description="owner/name or owner@id/name@id, as in GitHub's tokens, whose workflow may deploy; empty: none",
        )
        known = CfnParameter(
            self,
            "GitHubProviderArn",
            default="",
            description="the account's OIDC provider of GitHub, of which it can have one; empty: it is made",
        )
        is_unknown = Fn.condition_equals(known.value_as_string, "")
        named = CfnCondition(self, "DeployedFromGitHub", expression=is_given(repository))
        is_new = CfnCondition(
            self, "GitHubIsNew", expression=Fn.condition_and(is_given(repository), is_unknown)
        )
        provider = iam.CfnOIDCProvider(
            self, "GitHub", url=f"https://{_GITHUB}", client_id_list=["sts.amazonaws.com"]
        )
        provider.cfn_options.condition = is_new
        trusted = Fn.condition_if(is_new.logical_id, provider.attr_arn, known.value_as_string)
        role = iam.Role(
            self,
            names.DEPLOY,
            role_name=names.DEPLOY,
            description="Highwater: deployments from the main branch",
            max_session_duration=Duration.hours(1),
            assumed_by=iam.WebIdentityPrincipal(
                trusted.to_string(),
                conditions={
                    "StringEquals": {
                        f"{_GITHUB}:aud": "sts.amazonaws.com",
                        f"{_GITHUB}:sub": f"repo:{repository.value_as_string}:environment:{environment.name}",
                        f"{_GITHUB}:job_workflow_ref": f"{_without_ids(repository.value_as_string)}/{_WORKFLOW}",
                    }
                },
            ),
        )
        for statement in outside.deployment():
            statement.give_to(role)
        for child in role.node.find_all():
            if isinstance(child, (iam.CfnRole, iam.CfnPolicy)):
                child.cfn_options.condition = named


def _without_ids(repository: str) -> str:
    """The subject of a token has owner@id/name@id where the repository is new, renamed or moved (since July 2026), the
    reference of a workflow owner/name. The slash at the end: an empty value has a second part, too."""
    owner, name = (Fn.select(part, Fn.split("/", f"{repository}/")) for part in (0, 1))
    return "/".join(Fn.select(0, Fn.split("@", part)) for part in (owner, name))
