"""The names of what is deployed: flows' settings, the local cloud and the AWS account take them from here."""

from __future__ import annotations

from typing import Final

LAKE: Final = "highwater-lake"
ARTIFACTS: Final = "highwater-artifacts"
INBOX: Final = "highwater-inbox"
ACCESS_LOGS: Final = "highwater-access-logs"
COPIES: Final = "highwater-copies"
TRAIL: Final = "highwater-lake-data"
LEDGER: Final = "highwater-ledger"
OPEN_ROWS: Final = "open"
WATERMARKS: Final = "highwater-watermarks"
BRONZE: Final = "bronze"
SILVER: Final = "silver"
GOLD: Final = "gold"
MEDALLION: Final = (BRONZE, SILVER, GOLD)
GLUE_DATABASES: Final = ("curated", "quarantine", "ml", *MEDALLION)
CURATE: Final = "highwater-curate"
DEMAND_FEATURES: Final = "highwater-demand-features"
SILVER_JOB: Final = "highwater-silver"
GOLD_JOB: Final = "highwater-gold"
BRONZE_DIGEST: Final = "highwater-bronze-digest"
MEDALLION_JOBS: Final = (SILVER_JOB, GOLD_JOB, BRONZE_DIGEST)
MODEL_GROUP: Final = "highwater-demand-forecast"
FORECAST_JOBS: Final = "demand-forecast"
CHURN_DATASET: Final = "highwater-churn-dataset"
CHURN_MODEL_GROUP: Final = "highwater-churn"
CHURN_JOBS: Final = "churn"
CHURN_MODEL: Final = "customer-churn"
FEATURE_GROUP: Final = "highwater-customer-features"
FEATURE_STORE: Final = "highwater-feature-store"
ENDPOINT: Final = "highwater-churn"
FEATURE_STORE_FOLDER: Final = "feature-store"
CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
SAGEMAKER: Final = "highwater-sagemaker"
GLUE: Final = "highwater-glue"
GLUE_MEDALLION: Final = "highwater-glue-medallion"
GLUE_SECURITY: Final = "highwater"

ALERTS: Final = "highwater-alerts"
CRITICAL: Final = "highwater-critical"
WARNINGS: Final = "highwater-warnings"
SNOWFLAKE_SECRET: Final = "highwater/snowflake"  # noqa: S105 - where the secret is, not what it is
SNOWFLAKE_DEPLOYER_SECRET: Final = "highwater/snowflake-deployer"  # noqa: S105
SOURCE_SHOP_SECRET: Final = "highwater/source/shop"  # noqa: S105
HASH_KEY_SECRET: Final = "highwater/hash-key"  # noqa: S105
PREFECT_SECRET: Final = "highwater/prefect"  # noqa: S105
SERVER_DATABASE_SECRET: Final = "highwater/prefect-database"  # noqa: S105

CLUSTER: Final = "highwater"
WORK_POOL: Final = "highwater-ecs"
WORKER: Final = "highwater-worker"
FLOW_RUN: Final = "highwater-flow-run"
FLOW_RUN_INBOX: Final = "highwater-flow-run-inbox"
FLOW_RUN_EXTRACTION: Final = "highwater-flow-run-extraction"
FLOW_RUN_MODELS: Final = "highwater-flow-run-models"
FLOW_RUN_CHURN: Final = "highwater-flow-run-churn"
FLOW_RUN_START: Final = "highwater-flow-run-start"
WORKER_START: Final = "highwater-worker-start"
SERVER: Final = "highwater-server"
SERVER_START: Final = "highwater-server-start"
SNOWFLAKE: Final = "highwater-snowflake"
OPERATOR: Final = "highwater-operator"
DEPLOY: Final = "highwater-deploy"
DEFAULT_GROUP: Final = "highwater-default-group"
FLOW_RUN_CONTAINER: Final = "flow-run"
FLOW_RUN_LOGS: Final = "/highwater/flow-runs"
WORKER_LOGS: Final = "/highwater/worker"
SERVER_LOGS: Final = "/highwater/server"
TASK_CHANGES: Final = "highwater-ecs-task-changes"
TASK_EVENTS: Final = "highwater-ecs-events"
INBOX_FILES: Final = "highwater-inbox-files"
INBOX_EVENTS: Final = "highwater-inbox-events"
INBOX_DEAD_LETTERS: Final = "highwater-inbox-dead-letters"
INBOX_TRIES: Final = 3
INBOX_LISTENER: Final = "highwater-inbox-listener"
INBOX_LISTENER_START: Final = "highwater-inbox-listener-start"
INBOX_LISTENER_LOGS: Final = "/highwater/inbox-listener"

DATABASE: Final = "HIGHWATER"
SHOP: Final = "SHOP"
RESULTS: Final = "highwater-results"
RESULTS_BLOCK: Final = f"s3-bucket/{RESULTS}"
RESULTS_FOLDER: Final = "results"
RUNS_NAMESPACE: Final = "Highwater/Runs"
RUNS_ALERTS: Final = "alerts"
MODELS_NAMESPACE: Final = "Highwater/Models"
QUALITY_NAMESPACE: Final = "Highwater/DataQuality"
