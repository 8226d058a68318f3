"""What is seen and said: a topic for machines, two for people by severity, alarms, one dashboard, the month's budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Aws, CfnCondition, CfnParameter, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from deployments import names
from highwater_infra import machinery, metrics
from highwater_infra.alarms import alarm
from highwater_infra.compute import JOBS, SLOW_MINUTES
from highwater_infra.dashboard import dashboard
from highwater_infra.environments import Environment
from highwater_infra.lake import Lake
from highwater_infra.optional import is_given
from highwater_infra.permissions.statement import role_arn

# Services that say for which account they speak; EventBridge does not, CDK's target lets it in. Flow runs have a role.
_PUBLISHERS: Final = {
    names.ALERTS: (),
    names.CRITICAL: ("cloudwatch",),
    names.WARNINGS: ("cloudwatch", "budgets"),
}
# What flows say is on one of these too, unless it is INFO; highwater-alerts has all of it, for machines.
_FOR_PEOPLE: Final = (names.CRITICAL, names.WARNINGS)


class Observability(Stack):
    def __init__(self, scope: Construct, name: str, environment: Environment, lake: Lake) -> None:
        super().__init__(scope, name)
        self._lake = lake
        self.topics = {topic: self._topic(topic, services) for topic, services in _PUBLISHERS.items()}
        watches = metrics.watches(scheduled=environment.scheduled)
        for watch in watches:
            topic = self.topics[names.CRITICAL if watch.critical else names.WARNINGS]
            alarm(self, watch, topic.topic_arn)
        self._slow_jobs()
        self._mail()
        self._slack()
        self._budget(environment.budget_usd)
        # The alarms of these are in the stack that knows whether there is a task to miss.
        dashboard(self, "highwater", [*watches, machinery.no_worker(), machinery.no_listener()])

    def _topic(self, name: str, services: Sequence[str]) -> sns.Topic:
        topic = sns.Topic(self, name, topic_name=name, master_key=self._lake.key, enforce_ssl=True)
        if services:
            topic.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com") for service in services],
                    actions=["sns:Publish"],
                    resources=[topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
                )
            )
        return topic

    def _slow_jobs(self) -> None:
        """Glue says itself that a job takes long. That one failed is told by the flow that awaits it, or takes it up."""
        rule = events.Rule(
            self,
            "SlowJobs",
            rule_name="highwater-glue-slow",
            event_pattern=events.EventPattern(
                source=["aws.glue"],
                detail_type=["Glue Job Run Status"],
                detail={"jobName": [job.name for job in JOBS], "state": ["RUNNING"]},
            ),
        )
        job, run = (events.EventField.from_path(f"$.detail.{field}") for field in ("jobName", "jobRunId"))
        message = {
            "version": "1.0",
            "source": "custom",
            "content": {
                "textType": "client-markdown",
                "title": f"{job} takes long",
                "description": f"{job} has run for {SLOW_MINUTES} minutes ({run}): more data than usual, or too few "
                "workers. At its limit it is stopped.",
            },
        }
        rule.add_target(
            targets.SnsTopic(self.topics[names.WARNINGS], message=events.RuleTargetInput.from_object(message))
        )

    def _mail(self) -> None:
        address = CfnParameter(
            self, "AlertEmail", default="", no_echo=True, description="who is told by mail; empty: nobody"
        )
        given = CfnCondition(self, "MailIsWanted", expression=is_given(address))
        for name in _FOR_PEOPLE:
            subscription = sns.CfnSubscription(
                self,
                f"Mail-{name}",
                protocol="email",
                endpoint=address.value_as_string,
                topic_arn=self.topics[name].topic_arn,
            )
            subscription.cfn_options.condition = given

    def _slack(self) -> None:
        """Amazon Q in chat shows alarms, and what flows and rules say in its own format."""
        workspace = CfnParameter(
            self,
            "SlackWorkspace",
            default="",
            description="Slack workspace id known to Amazon Q; empty: none",
        )
        channel = CfnParameter(self, "SlackChannel", default="none", description="Slack channel id")
        given = CfnCondition(self, "SlackIsWanted", expression=is_given(workspace))
        # It shows what it is sent: the guardrail denies whatever a person would ask it to do or to read.
        role = iam.Role(
            self,
            "highwater-chat",
            role_name="highwater-chat",
            assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"),
            description="Highwater: alarms in Slack; may do nothing",
        )
        configuration = chatbot.CfnSlackChannelConfiguration(
            self,
            "Slack",
            configuration_name="highwater",
            iam_role_arn=role_arn("highwater-chat"),
            slack_workspace_id=workspace.value_as_string,
            slack_channel_id=channel.value_as_string,
            sns_topic_arns=[self.topics[name].topic_arn for name in _FOR_PEOPLE],
            guardrail_policies=[f"arn:{Aws.PARTITION}:iam::aws:policy/AWSDenyAll"],
            logging_level="ERROR",
        )
        configuration.node.add_dependency(role)
        resource = role.node.default_child
        assert isinstance(resource, iam.CfnRole)
        for part in (resource, configuration):
            part.cfn_options.condition = given

    def _budget(self, usd: int) -> None:
        def told(kind: str, percent: int) -> budgets.CfnBudget.NotificationWithSubscribersProperty:
            return budgets.CfnBudget.NotificationWithSubscribersProperty(
                notification=budgets.CfnBudget.NotificationProperty(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                ),
                subscribers=[
                    budgets.CfnBudget.SubscriberProperty(
                        subscription_type="SNS", address=self.topics[names.WARNINGS].topic_arn
                    )
                ],
            )

        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name="highwater-monthly",
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=usd, unit="USD"),
            ),
            notifications_with_subscribers=[told("ACTUAL", 80), told("FORECASTED", 100)],
        )
