"""All resources that the local cloud creates when it starts. The CDK stacks must use the same names."""

from __future__ import annotations

from dataclasses import replace

from contracts.shop import customer_features
from deployments import names
from local.resource_kinds import (
    ACCOUNT_ID,
    REGION,
    Bucket,
    EventRule,
    FeatureGroup,
    FlowRunTask,
    GlueDatabase,
    GlueJob,
    ModelPackageGroup,
    PrefectSecret,
    Queue,
    ResultStorage,
    SnowflakeDatabase,
    SnowflakeSecret,
    Stage,
    Table,
    TextSecret,
    Topic,
    WorkPool,
)
from warehouse.account.names import SCHEMAS, AccountNames

LAKE = Bucket(names.LAKE)
ARTIFACTS = Bucket(names.ARTIFACTS)
INBOX = Bucket(names.INBOX, versioned=True, events=True)
WATERMARKS = Table(names.WATERMARKS, hash_key="id")
LEDGER = Table(names.LEDGER, hash_key="id", indexes=(names.OPEN_ROWS,), expires_by="expires_at")
ALERTS = Topic(names.ALERTS)
WARNINGS = Topic(names.WARNINGS)
CRITICAL = Topic(names.CRITICAL)
# For `python -m local alerts`. Local only.
ALERTS_SEEN = Queue(f"{names.ALERTS}-local", topic=ALERTS)
CURATED = GlueDatabase("curated", f"s3://{LAKE.name}/curated")
QUARANTINE = GlueDatabase("quarantine", f"s3://{LAKE.name}/quarantine")
MEDALLION = tuple(GlueDatabase(name, f"s3://{LAKE.name}/{name}") for name in names.MEDALLION)
CURATE = GlueJob(
    name=names.CURATE,
    script=f"s3://{ARTIFACTS.name}/glue/curate.py",
    extra_py_files=f"s3://{ARTIFACTS.name}/glue/highwater.zip",
    glue_version="5.1",
    worker_type="G.1X",
    workers=2,
    timeout_minutes=120,
    max_concurrent_runs=4,
)
ML = GlueDatabase("ml", f"s3://{LAKE.name}/ml")
DEMAND_FEATURES = replace(
    CURATE, name=names.DEMAND_FEATURES, script=f"s3://{ARTIFACTS.name}/glue/demand_features.py"
)
CHURN_DATASET = replace(
    CURATE, name=names.CHURN_DATASET, script=f"s3://{ARTIFACTS.name}/glue/churn_dataset.py"
)
SILVER_JOB = replace(CURATE, name=names.SILVER_JOB, script=f"s3://{ARTIFACTS.name}/glue/silver.py")
GOLD_JOB = replace(CURATE, name=names.GOLD_JOB, script=f"s3://{ARTIFACTS.name}/glue/gold.py")
DEMAND_FORECAST = ModelPackageGroup(
    names.MODEL_GROUP,
    "Weekly demand per SKU and region; a version for each training that passed the gate",
)
CHURN = ModelPackageGroup(
    names.CHURN_MODEL_GROUP,
    "Churn of each customer; a version for each training that passed the gate",
)
ENDPOINT = names.ENDPOINT
CUSTOMER_FEATURES = FeatureGroup(
    name=names.FEATURE_GROUP,
    identifier=customer_features.IDENTIFIER,
    event_time=customer_features.EVENT_TIME,
    features=customer_features.FEATURES,
    location=f"s3://{LAKE.name}/{names.FEATURE_STORE_FOLDER}",
    description="Features of the shop's customers, a record for each customer and day of analysis",
)
BRONZE_DIGEST = replace(
    CURATE, name=names.BRONZE_DIGEST, script=f"s3://{ARTIFACTS.name}/glue/bronze_digest.py"
)
SAGEMAKER_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{names.SAGEMAKER}"
XGBOOST_IMAGE = f"720646828776.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:3.2-0"
SNOWFLAKE_NAMES = AccountNames(names.DATABASE)
SNOWFLAKE_SECRET = SnowflakeSecret(
    name=names.SNOWFLAKE_SECRET,
    account="highwater-local",
    user=SNOWFLAKE_NAMES.worker,
    role=SNOWFLAKE_NAMES.transformer,
    warehouse=SNOWFLAKE_NAMES.transform_warehouse,
    database=names.DATABASE,
)
DEPLOYER_SECRET = replace(
    SNOWFLAKE_SECRET,
    name=names.SNOWFLAKE_DEPLOYER_SECRET,
    user=SNOWFLAKE_NAMES.deploy,
    role=SNOWFLAKE_NAMES.deployer,
    warehouse=SNOWFLAKE_NAMES.load_warehouse,
)
# The local Snowflake's administrator: not a user that anybody has made. No secret has this login.
ADMINISTRATOR = "ADMINISTRATOR"
SNOWFLAKE_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/{names.SNOWFLAKE}"
# Of another account than the warehouse, as a source may be. Both are served by the local Snowflake.
SHOP_SECRET = SnowflakeSecret(
    name=names.SOURCE_SHOP_SECRET,
    account="shop-local",
    user="HIGHWATER_EXTRACTOR",
    role="SHOP_READER",
    warehouse="SHOP_READ_WH",
    database=names.SHOP,
)
PREFECT_SECRET = PrefectSecret(name=names.PREFECT_SECRET, auth_string="highwater:local")
HASH_KEY_SECRET = TextSecret(name=names.HASH_KEY_SECRET, text="the local key for hashes of personal data")
WAREHOUSE = SnowflakeDatabase(
    name=names.DATABASE,
    schemas=SCHEMAS,
    stages=(Stage(SNOWFLAKE_NAMES.stage, f"s3://{LAKE.name}/"),),
)
SHOP = SnowflakeDatabase(
    name=names.SHOP,
    schemas=("PUBLIC",),
    stages=(Stage(f"{names.SHOP}.PUBLIC.LAKE", f"s3://{LAKE.name}/"),),
)
WORK_POOL = WorkPool("highwater-local", type="process")
ECS_WORK_POOL = WorkPool(names.WORK_POOL, type="ecs")
CLUSTER = names.CLUSTER
FLOW_RUN = FlowRunTask(
    family=names.FLOW_RUN,
    container=names.FLOW_RUN_CONTAINER,
    image=names.WORKER,
    cpu="512",
    memory="1024",
    log_group=names.FLOW_RUN_LOGS,
)
# What SageMaker's trainings name; no such network is here.
TRAINING_SUBNETS = ("subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002")
TRAINING_SECURITY_GROUP = "sg-0a1b2c3d4e5f60001"
# The settings that a flow run finds in its task definition.
FLOW_RUN_SETTINGS = (
    "HIGHWATER_LAKE_BUCKET",
    "HIGHWATER_INBOX_BUCKET",
    "HIGHWATER_ARTIFACTS_BUCKET",
    "HIGHWATER_LEDGER_TABLE",
    "HIGHWATER_ALERTS_TOPIC",
    "HIGHWATER_WARNINGS_TOPIC",
    "HIGHWATER_CRITICAL_TOPIC",
    "HIGHWATER_CURATE_JOB",
    "HIGHWATER_FEATURES_JOB",
    "HIGHWATER_CHURN_DATASET_JOB",
    "HIGHWATER_SILVER_JOB",
    "HIGHWATER_GOLD_JOB",
    "HIGHWATER_MODEL_GROUP",
    "HIGHWATER_CHURN_MODEL_GROUP",
    "HIGHWATER_FEATURE_GROUP",
    "HIGHWATER_ENDPOINT",
    "HIGHWATER_BRONZE_DIGEST_JOB",
    "HIGHWATER_SAGEMAKER_ROLE",
    "HIGHWATER_XGBOOST_IMAGE",
    "HIGHWATER_TRAINING_SUBNETS",
    "HIGHWATER_TRAINING_SECURITY_GROUPS",
    "HIGHWATER_SNOWFLAKE_SECRET",
    "HIGHWATER_HASH_SECRET",
    "HIGHWATER_DATABASE",
    "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK",
)
TASK_EVENTS = Queue(names.TASK_EVENTS)
# A task that ends badly is how the worker knows that a run has crashed.
TASK_CHANGES = EventRule(
    rule=names.TASK_CHANGES,
    queue=TASK_EVENTS.name,
    pattern={
        "source": ["aws.ecs"],
        "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [f"arn:aws:ecs:{REGION}:{ACCOUNT_ID}:cluster/{CLUSTER}"]},
    },
)
INBOX_DEAD_LETTERS = Queue(names.INBOX_DEAD_LETTERS)
INBOX_EVENTS = Queue(names.INBOX_EVENTS, dead_letters=INBOX_DEAD_LETTERS, tries=names.INBOX_TRIES)
INBOX_FILES = EventRule(
    rule=names.INBOX_FILES,
    queue=INBOX_EVENTS.name,
    pattern={
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [INBOX.name]}, "object": {"key": [{"prefix": "inbox/"}]}},
    },
)
RESULTS = ResultStorage(names.RESULTS, bucket=ARTIFACTS)

SNOWFLAKE_SECRETS = (SNOWFLAKE_SECRET, DEPLOYER_SECRET, SHOP_SECRET)
BUCKETS = (LAKE, ARTIFACTS, INBOX)
TABLES = (LEDGER, WATERMARKS)
TOPICS = (ALERTS, WARNINGS, CRITICAL)
# A queue of dead letters before the queue that names it.
QUEUES = (ALERTS_SEEN, TASK_EVENTS, INBOX_DEAD_LETTERS, INBOX_EVENTS)
EVENT_RULES = (TASK_CHANGES, INBOX_FILES)
GLUE_DATABASES = (CURATED, QUARANTINE, ML, *MEDALLION)
GLUE_JOBS = (CURATE, DEMAND_FEATURES, CHURN_DATASET, SILVER_JOB, GOLD_JOB, BRONZE_DIGEST)
MODEL_PACKAGE_GROUPS = (DEMAND_FORECAST, CHURN)
FEATURE_GROUPS = (CUSTOMER_FEATURES,)
