"""The commands that make keys, logins and tables, and what the services show of them. No secret is shown."""

from __future__ import annotations

import json
import shlex

from cryptography.hazmat.primitives import serialization

from deployments import names
from tests.rehearsal.scene import Scene


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
    return f"mode {scene.run('stat -c %a $private')}"


def make_key_pair(scene: Scene, command: str) -> str:
    scene.run(command)
    scene.noted["public key"] = _one_line(scene.run('cat "$private/key.pub"'))
    return scene.run('openssl rsa -pubin -in "$private/key.pub" -noout -text | head -1')


def fill_sql(scene: Scene, command: str) -> str:
    scene.run(command)
    sql = scene.run('cat "$private/snowflake.sql"')
    if scene.noted["public key"] not in sql:
        raise AssertionError("snowflake.sql lacks the public key")
    outputs = json.loads(scene.run('cat "$private/outputs.json"'))
    return f"{sql.count(';')} statements for {outputs['highwater-lake']['LakeBucket']}"


def store_login(scene: Scene, command: str) -> str:
    scene.run(command)
    login = scene.secret(names.SNOWFLAKE_SECRET)
    if _public(login["private_key"]) != scene.noted["public key"]:
        raise AssertionError("the secret's private key is not that of the user's public key")
    return f"{', '.join(login)}; its key is that of the SQL"


def forget_key(scene: Scene, command: str) -> str:
    scene.run(command)
    return f"left: {', '.join(scene.run('ls $private').split())}"


def migrate(scene: Scene, command: str) -> str:
    scene.run(command)
    tables = scene.one(
        "SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA'"
    )
    applied = scene.one("SELECT COUNT(*) FROM MONITORING.CHANGE_HISTORY")
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
    left = scene.run(f"find {shlex.quote(place)} 2>/dev/null; git ls-files --others '*.p8' secret.json; true")
    if left:
        raise AssertionError(f"left behind: {left}")
    return "the folder is gone, and nothing of it is in the checkout"


def tell_prefect(scene: Scene, command: str) -> str:
    scene.run(command)
    return f"Prefect {scene.run('curl -fsS $PREFECT_API_URL/admin/version')}"


def _one_line(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _public(private: str) -> str:
    key = serialization.load_pem_private_key(private.encode(), password=None).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _one_line(pem.decode())
