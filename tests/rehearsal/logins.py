"""The commands that make keys, logins and tables, and what the services show of them. No secret is shown."""

from __future__ import annotations

import re
import shlex

from cryptography.hazmat.primitives import serialization

from deployments import names
from local import resources
from local.settings import LOOPBACK
from local.snowflake_login import CONNECTION, connect, write_connection
from tests.rehearsal.scene import Scene

# The local cloud's state with this rehearsal's own, environments, caches.
_LEFT_BY_PROGRAMS = (
    ".local",
    ".venv*",
    "infra/cdk/.venv",
    "infra/cdk/node_modules",
    "*/__pycache__/*",
    "*_cache/*",
)


def run_quietly(scene: Scene, command: str) -> str:
    scene.run(command)
    return ""


def tell_region(scene: Scene, command: str) -> str:
    scene.run(command)
    return scene.run("aws sts get-caller-identity --query Account --output text") + scene.run(
        "echo , $AWS_REGION"
    )


def tell_cdk(scene: Scene, command: str) -> str:
    scene.run(command)
    return f"cdk {scene.run('cdk --version').splitlines()[-1]}"


def tell_place(scene: Scene, command: str) -> str:
    scene.run(command)
    scene.noted["checkout"] = _not_in_git(scene)
    return f"mode {scene.run('stat -c %a $private')}"


def make_key_pairs(scene: Scene, command: str) -> str:
    scene.run(command)
    users = ("worker", "deploy")
    scene.noted["public keys"] = {user: _one_line(scene.run(f'cat "$private/{user}.pub"')) for user in users}
    sizes = [
        scene.run(f'openssl rsa -pubin -in "$private/{user}.pub" -noout -text | head -1') for user in users
    ]
    return ", ".join(sizes)


def store_worker(scene: Scene, command: str) -> str:
    return _store_login(scene, command, names.SNOWFLAKE_SECRET, "worker")


def store_deployer(scene: Scene, command: str) -> str:
    return _store_login(scene, command, names.SNOWFLAKE_DEPLOYER_SECRET, "deploy")


def _store_login(scene: Scene, command: str, secret: str, user: str) -> str:
    scene.run(command)
    login = scene.secret(secret)
    if _public(login["private_key"]) != scene.noted["public keys"][user]:
        raise AssertionError(f"{secret} has another private key than that of {user}.pub")
    return f"{login['user']} as {login['role']} on {login['warehouse']}; its key is the public one's"


def forget_keys(scene: Scene, command: str) -> str:
    scene.run(command)
    left = scene.run('ls -A "$private"').split()
    if set(left) != {"outputs.json", "worker.pub", "deploy.pub"}:
        raise AssertionError(f"left: {', '.join(left)}; private keys and logins are to be gone, and no more")
    return f"left: {', '.join(left)}"


def know_snowflake(scene: Scene) -> str:
    """A real account is found by its name, a local one is not."""
    write_connection(scene.settings)
    here = {
        "host": LOOPBACK,
        "port": scene.settings.snowflake_port,
        "protocol": "http",
        "socket_timeout": 900,
    }
    for secret in (names.SNOWFLAKE_SECRET, names.SNOWFLAKE_DEPLOYER_SECRET):
        scene.put_secret(secret, {**scene.secret(secret), **here})
    return f"connection {CONNECTION}; {LOOPBACK}:{scene.settings.snowflake_port} in the two secrets"


def migrate_account(scene: Scene, command: str) -> str:
    """It prints for whom the role has to be opened."""
    said = scene.run(command.replace("<user>", resources.ADMINISTRATOR))  # elsewhere it is the source's
    for name, value in re.findall(r"^Snowflake(UserArn|ExternalId)=(\S+)$", said, re.MULTILINE):
        scene.values["arn" if name == "UserArn" else "id"] = value
    with connect(scene.settings) as connection:
        counts = {
            kind: len(connection.cursor().execute(f"SHOW {kind.upper()}").fetchall())
            for kind in ("roles", "users", "warehouses")
        }
    return f"{', '.join(f'{count} {kind}' for kind, count in counts.items())}; Snowflake comes as {scene.values['arn']}"


def migrate_account_again(scene: Scene, command: str) -> str:
    scene.run(command)
    with connect(scene.settings) as connection:
        policies = connection.cursor().execute("SHOW MASKING POLICIES IN ACCOUNT").fetchall()
    return f"{len(policies)} masking policies"


def migrate(scene: Scene, command: str) -> str:
    scene.run(command)
    database = names.DATABASE
    tables = scene.one(
        f"SELECT COUNT(*) FROM {database}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA'"
    )
    applied = scene.one(f"SELECT COUNT(*) FROM {database}.MIGRATIONS.CHANGE_HISTORY")
    return f"{applied} migrations applied, {tables} tables and views"


def store_hash_key(scene: Scene, command: str) -> str:
    scene.run(command)
    value = scene.aws("secretsmanager").get_secret_value(SecretId=names.HASH_KEY_SECRET)["SecretString"]
    return f"{len(value.strip())} hexadecimal digits"


def make_source_key(scene: Scene) -> str:
    scene.run('openssl genrsa 2048 | openssl pkcs8 -topk8 -nocrypt -out "$private/source.p8"')
    return ""


def store_source(scene: Scene, command: str) -> str:
    scene.run(command)
    return ", ".join(scene.secret(names.SOURCE_SHOP_SECRET))


def store_prefect(scene: Scene, command: str) -> str:
    scene.run(command)
    return ", ".join(scene.secret(names.PREFECT_SECRET))


def leave_nothing(scene: Scene, command: str) -> str:
    place = scene.run("echo $private")
    scene.run(command)
    left = scene.run(f"find {shlex.quote(place)} 2>/dev/null; true").splitlines()
    left += sorted(_not_in_git(scene) - scene.noted["checkout"])
    if left:
        raise AssertionError(f"left behind: {', '.join(left)}")
    return "the folder is gone, and nothing of it is in the checkout"


def _not_in_git(scene: Scene) -> set[str]:
    """Also what git ignores, where a secret would lie as openly; but not what running anything leaves."""
    beside = " ".join(f"':!{pattern}'" for pattern in _LEFT_BY_PROGRAMS)
    return set(scene.run(f"git ls-files --others -- . {beside}").splitlines())


def tell_prefect(scene: Scene, command: str) -> str:
    scene.run(command)
    return f"Prefect {scene.run('curl -fsS $PREFECT_API_URL/admin/version')}"


def _one_line(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _public(private: str) -> str:
    key = serialization.load_pem_private_key(private.encode(), password=None).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _one_line(pem.decode())
