"""The steps of a first deployment: every command of docs/deploy.md, and what happens between two of them.

The commands themselves are on the page. Here is how each begins, and who runs it.
"""

from __future__ import annotations

from typing import Final

from tests.rehearsal import accounts, logins, releases, runs, stacks
from tests.rehearsal.entry import Entry, elsewhere, not_done, own, step

_PUT = "aws secretsmanager put-secret-value --secret-id"
_MIGRATE = ".venv/bin/python -m warehouse migrate"
_ACCOUNT = (
    f'{_MIGRATE} --account $HIGHWATER_DATABASE --connection "<connection>" --outputs "$private/outputs.json"'
)
_SNOWFLAKE = "what the local Snowflake only keeps a record of: network policies, the monitor, the integration"
_IMAGE = "an image needs docker or buildah, and a registry of a real account"
_COPY = "two accounts and their registries"
_GITHUB = "GitHub's tokens and its identity provider in the account"
_STACKS = "the types left out; that the limits are enough for the rest"
_CHECKS = "check.yml, for each pull request and main"
_OTHERS = "no step of every first deployment, and of types that the local CloudFormation lacks"

FIRST_DEPLOYMENT: Final = (
    own("accounts with nothing in them", accounts.open_them),
    not_done("people's access", "aws sts assume-role", "a second factor: nobody's access is checked here"),
    step("environment", "export ENVIRONMENT=", logins.run_quietly),
    step("region", "export AWS_REGION=", logins.tell_region),
    step("cdk", "cdk() ", logins.tell_cdk),
    step("place of secrets", "private=", logins.tell_place),
    elsewhere("templates and their checks", "make infra", _CHECKS),
    own("templates", stacks.synthesize),
    step("limits", "aws cloudformation deploy --stack-name", stacks.deploy_limits),
    not_done("bootstrap", "cdk bootstrap", "the local CloudFormation refuses types of CDK's own stack"),
    own("in place of bootstrap", stacks.prepare_bootstrap),
    own("secrets without a value", stacks.create_secrets),
    step("stacks", "cdk deploy --all", stacks.deploy, _STACKS),
    own("in place of what was left out", stacks.create_what_is_left_out),
    not_done(
        "S3's prefix list", "aws ec2 describe-managed-prefix-lists", "only in a region other than ap-south-1"
    ),
    not_done("repeat a failed deployment", "aws dynamodb update-table", "only after a stack that failed"),
    step("name of the database", "export HIGHWATER_DATABASE=", logins.run_quietly),
    step("key pairs of the two users", "for user in worker deploy", logins.make_key_pairs),
    step("how a login is written", "secret() ", logins.run_quietly),
    step("login of flows", 'secret "<organisation-account>" "$private/worker.p8"', logins.run_quietly),
    step("login of migrations", 'secret "<organisation-account>" "$private/deploy.p8"', logins.run_quietly),
    step("login of flows, stored", f"{_PUT} highwater/snowflake ", logins.store_worker),
    step("login of migrations, stored", f"{_PUT} highwater/snowflake-deployer", logins.store_deployer),
    step("private keys", "shred -u", logins.forget_keys),
    own("the administrator's own login; where Snowflake is", logins.know_snowflake),
    step("Snowflake's account", f"{_ACCOUNT} --worker-key", logins.migrate_account, _SNOWFLAKE),
    step(
        "Snowflake's way into the lake",
        "cdk deploy highwater-access -c environment=$ENVIRONMENT --parameters highwater-access:SnowflakeUserArn",
        stacks.trust_snowflake,
        "that AWS lets Snowflake in: nobody is refused here",
    ),
    step("tables", _MIGRATE, logins.migrate),
    step("Snowflake's account again", f"{_ACCOUNT} --migrate-from", logins.migrate_account_again, _SNOWFLAKE),
    step("key of hashes", "openssl rand", logins.run_quietly),
    step(
        "key of hashes, stored",
        f"{_PUT} highwater/hash-key",
        logins.store_hash_key,
    ),
    own("key pair of the source, made as above", logins.make_source_key),
    step("login of the source", 'python3 - "$private/source.p8"', logins.run_quietly),
    step(
        "login of the source, stored",
        f"{_PUT} highwater/source/shop",
        logins.store_source,
    ),
    step("Prefect's login, written", "${EDITOR:-vi}", logins.run_quietly),
    step(
        "Prefect's login, stored",
        f"{_PUT} highwater/prefect",
        logins.store_prefect,
    ),
    step("no secret is left", "rm -r", logins.leave_nothing),
)

FIRST_RELEASE: Final = (
    step("Prefect's address", "export PREFECT_API_URL=", logins.tell_prefect),
    not_done("image", "make push", _IMAGE),
    step("release without an image", "make release ENV=$ENVIRONMENT", releases.refused, _IMAGE),
    own("in place of the worker's service", releases.start_worker),
    own("deployments, as a release tells of them", releases.release_this),
    not_done("who may copy", "cdk deploy highwater-orchestration -c environment=dev", _COPY),
    not_done("release by copy", "make release ENV=$ENVIRONMENT VERSION=<commit> FROM=", _COPY),
    not_done("image with buildah", "make image IMAGE=", _IMAGE),
    not_done("login with buildah", "buildah login", _IMAGE),
    not_done("push with buildah", "buildah push", _IMAGE),
    step(
        "first daily run",
        ".venv/bin/prefect deployment run cpg-daily/cpg-daily -p run_date=2025-01-07 --watch",
        runs.first,
    ),
    step(
        "a run to be killed",
        ".venv/bin/prefect deployment run cpg-daily/cpg-daily -p run_date=2025-01-08",
        runs.start_one_to_kill,
    ),
    step("its id", "run=", logins.run_quietly),
    step("tasks that run", "tasks=$(", logins.run_quietly),
    step("its task is stopped", "aws ecs stop-task", runs.kill_task),
    own("worker and server die under a run", runs.restart_under_a_run),
)

LATER: Final = (
    elsewhere("checks", "make check", _CHECKS),
    elsewhere("finder of secrets", "make secrets", _CHECKS),
    elsewhere("known vulnerabilities", "make audit", "locks.yml, for a changed lock; audit.yml, every night"),
    elsewhere("the forecast's figures", "make accuracy", "audit.yml, every night"),
    not_done("GitHub's name of us", "gh api", _GITHUB),
    not_done(
        "GitHub's role",
        "cdk deploy highwater-access -c environment=$ENVIRONMENT --parameters highwater-access:GitHubRepository",
        _GITHUB,
    ),
    own("release of a new version", releases.release_next),
    own("a run of the new version", runs.of_another_day(runs.NEXT)),
    not_done("roll back", "make release ENV=$ENVIRONMENT VERSION=<earlier commit>", _IMAGE),
    own("deployments of the earlier version, as a release tells of them", releases.release_this),
    own("a run of the earlier version", runs.of_another_day(runs.BACK)),
    not_done(
        "forward again over what was kept",
        "cdk deploy --all -c environment=$ENVIRONMENT --import-existing-resources",
        "the local CloudFormation imports nothing",
    ),
    elsewhere(
        "templates changed",
        "make -C infra/cdk snapshots",
        "by whoever changes them; infra/cdk/tests/test_snapshots.py refuses others",
    ),
    step("place of outputs, later", "export HIGHWATER_DATABASE=<database>; outputs=", logins.run_quietly),
    step(
        "stacks, later",
        'cdk deploy --all -c environment=$ENVIRONMENT --outputs-file "$outputs"',
        stacks.deploy_again,
        _STACKS,
    ),
    step(
        "Snowflake's account, later",
        f'{_MIGRATE} --account $HIGHWATER_DATABASE --connection "<connection>" --outputs "$outputs"',
        logins.migrate_account_again,
        _SNOWFLAKE,
    ),
    not_done("difference of the stacks", "cdk diff", "the types that the local CloudFormation lacks"),
    not_done("base image", "make base", "the registry of the base image"),
    not_done(
        "new tasks of a service",
        "aws ecs update-service",
        "the local ECS runs no services: see the restart above",
    ),
    not_done("tear down", "cdk destroy", "it keeps what has to be deleted by hand, of types left out"),
    not_done("tear down: balancer", "aws elbv2", "private only: a load balancer"),
    not_done("tear down: database", "aws rds", "private only: a database"),
    not_done("a server of our own", "make release ENV=private", _IMAGE),
    not_done("endpoint's scaling", "cdk deploy highwater-compute -c environment=$ENVIRONMENT", _OTHERS),
    not_done("buckets in another region", "aws cloudformation deploy --region", "another region, and its S3"),
    not_done("partners", "cdk deploy highwater-lake -c environment=$ENVIRONMENT", _OTHERS),
    not_done(
        "Snowflake's large results", "cdk deploy highwater-network -c environment=private", "PrivateLink"
    ),
    not_done("default security group", "aws ec2 describe-security-groups", "State Manager, which empties it"),
    not_done("log of the server's database", "aws logs", "private only: a database"),
    not_done("log of the first Glue run", "aws glue get-job-run", "log groups that Glue names"),
)

PLAN: Final[tuple[Entry, ...]] = (*FIRST_DEPLOYMENT, *FIRST_RELEASE, *LATER)
