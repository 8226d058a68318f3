"""The objects of one environment in the account: how each is created, and by which values it is known for ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.account.given import Given
from warehouse.account.names import ADMIN_SCHEMA, MIGRATIONS_SCHEMA, SCHEMAS, AccountNames


@dataclass(frozen=True)
class AccountObject:
    kind: str
    name: str
    create: str
    listed: str
    """The statement that lists it, perhaps among others."""
    described: tuple[str, ...] = ()
    """Statements whose rows are pairs of a property and its value."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What it must have, by column or property. A list's order does not matter."""
    owners: tuple[str, ...] = ()
    """Roles that may own it. Empty: any."""
    mend: str = ""
    """The statement that gives values back to one that differs, where an administrator may well want that."""

    @property
    def own_name(self) -> str:
        return self.name.rpartition(".")[2]


def account_objects(names: AccountNames, given: Given) -> list[AccountObject]:
    """In the order in which they can be created. The warehouse of migrations is first: the history needs one."""
    return [
        _monitor(names, given),
        _warehouse(names.load_warehouse, "XSMALL", "X-Small", 60, names),
        _warehouse(names.transform_warehouse, "SMALL", "Small", 60, names),
        _warehouse(names.analytics_warehouse, "XSMALL", "X-Small", 120, names),
        role(names.deployer, "owns schemas and tables: migrations run as this"),
        role(names.loader, "stages files and merges them into the DW"),
        role(names.transformer, "rebuilds marts; may do what the loader may: the pipeline runs as this"),
        role(names.analyst, "reads the DW, the marts and the monitoring tables"),
        role(names.reader, "reads the marts only"),
        _database(names),
        _schema(names, ADMIN_SCHEMA, "ACCOUNTADMIN"),
        *(_schema(names, schema, *_owners(names)) for schema in (MIGRATIONS_SCHEMA, *SCHEMAS)),
        _policy(names.nat_policy, given.addresses),
        _policy(names.migrations_policy, (*given.addresses, *given.migrate_from)),
        _user(names.worker, names.transformer, names.transform_warehouse, names.nat_policy, given.worker_key),
        _user(names.deploy, names.deployer, names.load_warehouse, names.migrations_policy, given.deploy_key),
        _integration(names, given),
        _stage(names, given),
    ]


def _monitor(names: AccountNames, given: Given) -> AccountObject:
    """The users to notify are compared if given. The quota is not, because people change it: `limit_of` prints it."""
    users = ", ".join(f'"{user}"' for user in given.notify)
    notified = f" NOTIFY_USERS = ({users})" if users else ""
    triggers = (
        "TRIGGERS ON 80 PERCENT DO NOTIFY ON 95 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND"
        " ON 110 PERCENT DO SUSPEND_IMMEDIATE"
    )
    return AccountObject(
        "RESOURCE MONITOR",
        names.monitor,
        f"CREATE RESOURCE MONITOR {names.monitor} WITH CREDIT_QUOTA = 100 FREQUENCY = MONTHLY"
        f" START_TIMESTAMP = IMMEDIATELY{notified} {triggers}",
        f"SHOW RESOURCE MONITORS LIKE '{names.monitor}'",
        values={
            "frequency": "MONTHLY",
            "notify_at": "80%,95%",
            "suspend_at": "100%",
            "suspend_immediately_at": "110%",
        }
        | ({"notify_users": ",".join(given.notify)} if given.notify else {}),
        mend=f"ALTER RESOURCE MONITOR {names.monitor} {' SET' if notified else ''}{notified} {triggers};",
    )


def _warehouse(name: str, size: str, shown_size: str, seconds: int, names: AccountNames) -> AccountObject:
    """One for each kind of work: an analyst's query never waits for a load, and each kind's cost is seen by itself."""
    return AccountObject(
        "WAREHOUSE",
        name,
        f"CREATE WAREHOUSE {name} WITH WAREHOUSE_SIZE = '{size}' AUTO_SUSPEND = {seconds} AUTO_RESUME = TRUE"
        f" INITIALLY_SUSPENDED = TRUE RESOURCE_MONITOR = '{names.monitor}'",
        f"SHOW WAREHOUSES LIKE '{name}'",
        values={
            "size": shown_size,
            "auto_suspend": str(seconds),
            "auto_resume": "true",
            "resource_monitor": names.monitor,
        },
    )


def role(name: str, comment: str) -> AccountObject:
    return AccountObject(
        "ROLE",
        name,
        f"CREATE ROLE {name} COMMENT = '{comment}'",
        f"SHOW ROLES LIKE '{name}'",
        values={"comment": comment},
    )


def _database(names: AccountNames) -> AccountObject:
    return AccountObject(
        "DATABASE",
        names.database,
        f"CREATE DATABASE {names.database}",
        f"SHOW DATABASES LIKE '{names.database}'",
        values={"owner": "ACCOUNTADMIN"},
    )


def _owners(names: AccountNames) -> tuple[str, ...]:
    """Who may own a schema before A__grants gives it to the deployer: who made it, just now or in an earlier release."""
    return names.deployer, "ACCOUNTADMIN", names.transformer, names.loader


def _schema(names: AccountNames, schema: str, *owners: str) -> AccountObject:
    name = f"{names.database}.{schema}"
    listed = f"SHOW SCHEMAS LIKE '{schema}' IN DATABASE {names.database}"
    return AccountObject("SCHEMA", name, f"CREATE SCHEMA {name}", listed, owners=owners)


def _policy(name: str, addresses: tuple[str, ...]) -> AccountObject:
    # In `private` people migrate from the network that flows run in.
    once = tuple(dict.fromkeys(addresses))
    listed = ", ".join(f"'{address}'" for address in once)
    allowed = f"ALLOWED_IP_LIST = ({listed})"
    return AccountObject(
        "NETWORK POLICY",
        name,
        f"CREATE NETWORK POLICY {name} {allowed}",
        "SHOW NETWORK POLICIES",
        (f"DESC NETWORK POLICY {name}",),
        {"allowed_ip_list": ",".join(once)},
        mend=f"ALTER NETWORK POLICY {name} SET {allowed};",
    )


def _user(name: str, role: str, warehouse: str, policy: str, key: str | None) -> AccountObject:
    """A service user: it has a key and no password. Its network policy and secondary roles are set each time (A__limits)."""
    login = f" RSA_PUBLIC_KEY = '{key}'" if key else ""
    return AccountObject(
        "USER",
        name,
        f"CREATE USER {name} TYPE = SERVICE DEFAULT_ROLE = {role} DEFAULT_SECONDARY_ROLES = ()"
        f" DEFAULT_WAREHOUSE = {warehouse} NETWORK_POLICY = {policy} ABORT_DETACHED_QUERY = TRUE{login}",
        f"SHOW USERS LIKE '{name}'",
        (f"DESC USER {name}",) if key else (),
        {
            "type": "SERVICE",
            "default_role": role,
            "default_warehouse": warehouse,
            "has_password": "false",
        }
        | ({"rsa_public_key": key} if key else {}),
    )


def _integration(names: AccountNames, given: Given) -> AccountObject:
    """Its AWS role says what it may read in the lake (infra/cdk/highwater_infra/permissions/outside.py)."""
    name = names.integration
    return AccountObject(
        "INTEGRATION",
        name,
        f"CREATE STORAGE INTEGRATION {name} TYPE = EXTERNAL_STAGE STORAGE_PROVIDER = 'S3' ENABLED = TRUE"
        f" STORAGE_AWS_ROLE_ARN = '{given.role_arn}' STORAGE_ALLOWED_LOCATIONS = ('s3://{given.lake_bucket}/')",
        f"SHOW INTEGRATIONS LIKE '{name}'",
        (f"DESC INTEGRATION {name}",),
        {
            "enabled": "true",
            "storage_aws_role_arn": given.role_arn,
            "storage_allowed_locations": f"s3://{given.lake_bucket}/",
        },
    )


def _stage(names: AccountNames, given: Given) -> AccountObject:
    """Who uses the stage needs no right on the integration: only who makes it does."""
    url = f"s3://{given.lake_bucket}/"
    return AccountObject(
        "STAGE",
        names.stage,
        f"CREATE STAGE {names.stage} URL = '{url}' STORAGE_INTEGRATION = {names.integration}",
        f"SHOW STAGES LIKE 'LAKE' IN SCHEMA {names.database}.CURATED",
        values={"url": url, "storage_integration": names.integration},
    )
