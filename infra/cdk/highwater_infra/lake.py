"""What is kept: the key, the buckets, the catalog's databases, the tables of jobs and watermarks, the secrets' places."""

from __future__ import annotations

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudtrail as cloudtrail
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from deployments import names
from highwater_infra import copies, key, partners
from highwater_infra.buckets import bucket_name
from highwater_infra.permissions.churn import CAPTURED
from highwater_infra.tags import holds_personal_data

_HISTORY = s3.LifecycleRule(
    id="history",
    noncurrent_version_expiration=Duration.days(90),
    # What marks a deletion goes once nothing older is left of the object.
    expired_object_delete_marker=True,
    abort_incomplete_multipart_upload_after=Duration.days(7),
)


def _grows_cold(name: str, prefix: str) -> s3.LifecycleRule:
    """Instant retrieval, because replays and backfills of old days read them with no thawing."""
    return s3.LifecycleRule(
        id=name,
        prefix=prefix,
        transitions=[
            s3.Transition(
                storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=Duration.days(30)
            ),
            s3.Transition(
                storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(90)
            ),
        ],
    )


def _read_once(name: str, prefix: str, days: int = 30) -> s3.LifecycleRule:
    """By the warehouse or a run. What is deleted has no use for a history, and may hold personal data."""
    return s3.LifecycleRule(
        id=name,
        prefix=prefix,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(1),
    )


class Lake(Stack):
    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.key = key.made(self)
        self.access_logs = self._access_logs()
        self.lake = self._bucket(
            "Lake",
            names.LAKE,
            _HISTORY,
            _grows_cold("raw", "raw/"),
            _read_once("records", "runs/records/"),
            _read_once("inbox", "runs/inbox/"),
            _read_once("marketing", "runs/marketing/"),
            # What a killed job leaves of rows that it had not sorted out yet.
            _read_once("staging", "runs/staging/"),
            _read_once("digest", "runs/digest/"),  # keys of customers: no longer than a run needs them
            # A run that repeats a job's work reads them, until the ledger forgets the job after a month and up to two days.
            _read_once("churn-rows", "ml/churn_dataset/rows/", days=60),
            _read_once("forecast-answers", "ml/predictions/raw/", days=60),
            _read_once("churn-answers", "ml/churn_predictions/raw/", days=60),
            # Rows wait here until somebody replays them: cheaper storage, never deleted under the Iceberg table.
            s3.LifecycleRule(
                id="quarantine",
                prefix="quarantine/",
                transitions=[
                    s3.Transition(
                        storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=Duration.days(30)
                    )
                ],
            ),
        )
        self.inbox = self._bucket("Inbox", names.INBOX, _HISTORY, _grows_cold("delivered", "history/"))
        for delivered_to in (self.lake, self.inbox):
            _tell_eventbridge(delivered_to)
        partners.let_in(self, self.inbox, self.key)
        copies.declare(self, self.key.key_arn, {names.LAKE: self.lake, names.INBOX: self.inbox})
        self.artifacts = self._bucket(
            "Artifacts",
            names.ARTIFACTS,
            _HISTORY,
            s3.LifecycleRule(id="results", prefix=f"{names.RESULTS_FOLDER}/", expiration=Duration.days(90)),
            # Requests and answers of the endpoint: until the churn of a year is known, and no longer.
            s3.LifecycleRule(id="captured", prefix=f"{CAPTURED}/", expiration=Duration.days(365)),
        )
        holds_personal_data(self.lake, self.inbox, self.artifacts)
        for database in names.GLUE_DATABASES:
            glue.CfnDatabase(
                self,
                f"Database-{database}",
                catalog_id=Aws.ACCOUNT_ID,
                database_input=glue.CfnDatabase.DatabaseInputProperty(
                    name=database, location_uri=f"s3://{self.lake.bucket_name}/{database}"
                ),
            )
        self.ledger = self._ledger()
        # How far an extraction has read: forgotten, it would begin anew.
        self.watermarks = self._table("Watermarks", names.WATERMARKS)
        self.snowflake_secret = self._secret(
            "SnowflakeSecret",
            names.SNOWFLAKE_SECRET,
            "Snowflake: account, user, role, warehouse, private_key",
        )
        self._secret(
            "SnowflakeDeployerSecret",
            names.SNOWFLAKE_DEPLOYER_SECRET,
            "Snowflake, for migrations alone: account, user, role, warehouse, private_key",
        )
        self.hash_key_secret = self._secret(
            "HashKeySecret",
            names.HASH_KEY_SECRET,
            "Hashes of personal data: 32 random bytes or more, as text",
        )
        self.shop_secret = self._secret(
            "ShopSecret",
            names.SOURCE_SHOP_SECRET,
            "Source of snowflake-medallion: account, user, role, warehouse, database, private_key",
        )
        self.prefect_secret = self._secret(
            "PrefectSecret", names.PREFECT_SECRET, "Prefect: api_url and api_key, or auth_string"
        )
        self._trail()
        self._load_balancer_may_log()
        CfnOutput(self, "LakeBucket", value=self.lake.bucket_name)
        CfnOutput(self, "InboxBucket", value=self.inbox.bucket_name)
        CfnOutput(self, "KeyArn", value=self.key.key_arn)

    def _access_logs(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "AccessLogs",
            bucket_name=bucket_name(names.ACCESS_LOGS),
            encryption=s3.BucketEncryption.S3_MANAGED,  # log delivery cannot use a key of ours
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="a-year",
                    expiration=Duration.days(365),
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )

    def _load_balancer_may_log(self) -> None:
        self.access_logs.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("logdelivery.elasticloadbalancing.amazonaws.com")],
                actions=["s3:PutObject"],
                resources=[self.access_logs.arn_for_objects(f"server/AWSLogs/{Aws.ACCOUNT_ID}/*")],
            )
        )

    def _bucket(self, construct: str, name: str, *rules: s3.LifecycleRule) -> s3.Bucket:
        return s3.Bucket(
            self,
            construct,
            bucket_name=bucket_name(name),
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            server_access_logs_bucket=self.access_logs,
            server_access_logs_prefix=f"{name}/",
            lifecycle_rules=list(rules),
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )

    def _ledger(self) -> dynamodb.Table:
        """Its rows expire when they are closed; while they are open they are in the index."""
        table = self._table("Ledger", names.LEDGER, expires_by="expires_at")
        table.add_global_secondary_index(
            index_name=names.OPEN_ROWS,
            partition_key=dynamodb.Attribute(name=names.OPEN_ROWS, type=dynamodb.AttributeType.STRING),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        return table

    def _table(self, construct: str, name: str, expires_by: str | None = None) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct,
            table_name=name,
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=expires_by,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
        )

    def _secret(self, construct: str, name: str, description: str) -> secrets.CfnSecret:
        """The place without a value: a person puts it there, so no template ever holds it."""
        secret = secrets.CfnSecret(
            self, construct, name=name, description=description, kms_key_id=self.key.key_arn
        )
        secret.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        return secret

    def _trail(self) -> None:
        """Who read and wrote which object of the lake and of the inbox."""
        trail = cloudtrail.Trail(
            self,
            "Trail",
            trail_name=names.TRAIL,
            bucket=self.access_logs,
            s3_key_prefix="trail",
            encryption_key=self.key,
            is_multi_region_trail=False,
            include_global_service_events=False,
            enable_file_validation=True,
            management_events=cloudtrail.ReadWriteType.NONE,
        )
        trail.add_s3_event_selector(
            [cloudtrail.S3EventSelector(bucket=bucket) for bucket in (self.lake, self.inbox)],
            include_management_events=False,
            read_write_type=cloudtrail.ReadWriteType.ALL,
        )


def _tell_eventbridge(bucket: s3.Bucket) -> None:
    """Of every delivery; by the property, because the construct would bring a Lambda to set it."""
    resource = bucket.node.default_child
    assert isinstance(resource, s3.CfnBucket)
    resource.add_property_override(
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
    )
