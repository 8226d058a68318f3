"""The declaration against the names that the rest of the project, and later CDK, relies on."""

from __future__ import annotations

from local import resources


def test_names_are_the_agreed_ones() -> None:
    assert [(bucket.name, bucket.versioned, bucket.events) for bucket in resources.BUCKETS] == [
        ("highwater-lake", False, False),
        ("highwater-artifacts", False, False),
        ("highwater-inbox", True, True),
    ]
    table, watermarks = resources.TABLES
    assert (table.name, table.hash_key, table.indexes) == ("highwater-ledger", "id", ("open",))
    assert table.expires_by == "expires_at"
    assert (watermarks.name, watermarks.hash_key, watermarks.expires_by) == (
        "highwater-watermarks",
        "id",
        None,
    )
    assert [topic.name for topic in resources.TOPICS] == [
        "highwater-alerts",
        "highwater-warnings",
        "highwater-critical",
    ]
    assert [database.name for database in resources.GLUE_DATABASES] == [
        "curated",
        "quarantine",
        "ml",
        "bronze",
        "silver",
        "gold",
    ]
    assert resources.CURATED.location == "s3://highwater-lake/curated"
    assert resources.SNOWFLAKE_SECRET.name == "highwater/snowflake"
    assert resources.WAREHOUSE.schemas == (
        *("RAW", "CURATED", "STAGE", "DW", "MARTS", "MARKETING_STAGE", "ML_OUTPUTS", "MONITORING"),
    )
    assert [(stage.name, stage.url) for stage in resources.WAREHOUSE.stages] == [
        ("HIGHWATER.CURATED.LAKE", "s3://highwater-lake/")
    ]


def test_flows_migrations_and_the_sample_source_have_logins_of_their_own() -> None:
    assert [(s.name, s.user, s.role, s.warehouse, s.database) for s in resources.SNOWFLAKE_SECRETS] == [
        (
            *("highwater/snowflake", "HIGHWATER_WORKER", "HIGHWATER_TRANSFORMER", "HIGHWATER_TRANSFORM_WH"),
            "HIGHWATER",
        ),
        (
            *("highwater/snowflake-deployer", "HIGHWATER_DEPLOY", "HIGHWATER_DEPLOYER", "HIGHWATER_LOAD_WH"),
            "HIGHWATER",
        ),
        ("highwater/source/shop", "HIGHWATER_EXTRACTOR", "SHOP_READER", "SHOP_READ_WH", "SHOP"),
    ]
    assert resources.SHOP_SECRET.account != resources.SNOWFLAKE_SECRET.account
    assert resources.SHOP.schemas == ("PUBLIC",)


def test_the_forecasts_resources_are_the_agreed_ones() -> None:
    assert resources.DEMAND_FEATURES.name == "highwater-demand-features"
    assert resources.DEMAND_FEATURES.script == "s3://highwater-artifacts/glue/demand_features.py"
    assert [group.name for group in resources.MODEL_PACKAGE_GROUPS] == [
        "highwater-demand-forecast",
        "highwater-churn",
    ]


def test_the_glue_job_is_the_agreed_one() -> None:
    job = resources.CURATE

    assert job.name == "highwater-curate"
    assert job.script == "s3://highwater-artifacts/glue/curate.py"
    assert job.extra_py_files == "s3://highwater-artifacts/glue/highwater.zip"
    assert (job.glue_version, job.worker_type, job.max_concurrent_runs) == ("5.1", "G.1X", 4)


def test_events_reach_the_queues_that_are_read() -> None:
    assert {rule.rule: rule.queue for rule in resources.EVENT_RULES} == {
        "highwater-ecs-task-changes": "highwater-ecs-events",
        "highwater-inbox-files": "highwater-inbox-events",
    }
    assert resources.INBOX_FILES.pattern["detail"] == {
        "bucket": {"name": ["highwater-inbox"]},
        "object": {"key": [{"prefix": "inbox/"}]},
    }
    assert resources.INBOX_EVENTS.dead_letters == resources.INBOX_DEAD_LETTERS
    assert resources.INBOX_EVENTS.tries == 3


def test_names_of_a_kind_are_unique() -> None:
    for kind in (
        resources.BUCKETS,
        resources.TABLES,
        resources.TOPICS,
        resources.QUEUES,
        resources.GLUE_DATABASES,
        resources.GLUE_JOBS,
    ):
        names = [declared.name for declared in kind]
        assert len(names) == len(set(names))


def test_every_address_is_in_a_declared_bucket() -> None:
    buckets = {f"s3://{bucket.name}/" for bucket in resources.BUCKETS}
    addresses = [
        *(database.location for database in resources.GLUE_DATABASES),
        *(address for job in resources.GLUE_JOBS for address in (job.script, job.extra_py_files)),
        *(stage.url for stage in resources.WAREHOUSE.stages),
    ]

    assert [a for a in addresses if not any(a.startswith(bucket) for bucket in buckets)] == []
