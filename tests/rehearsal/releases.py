"""A release as far as it goes here: a checkout stands for the image, `make deploy` tells Prefect of the deployments."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import Final

from prefect.client.orchestration import get_client

from deployments import names
from local import resources
from local.cloud import worker_of
from local.part import Part
from tests.rehearsal import stacks
from tests.rehearsal.scene import ROOT, Scene, version_of

# moto's CloudFormation forgets these of a task definition.
_FARGATE: Final = {
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": resources.FLOW_RUN.cpu,
    "memory": resources.FLOW_RUN.memory,
}
# The local ECS mounts nothing: a task's /tmp is this machine's.
_CONTAINER = ("name", "image", "essential", "secrets", "logConfiguration")


def refused(scene: Scene, command: str) -> str:
    """Without an image nothing is released."""
    code, output = scene.try_to_run(command)
    said = [line for line in output.splitlines() if line.startswith("docker/release.sh: no image ")]
    if not code or not said:
        raise AssertionError(f"expected to be refused for want of an image, but exit code {code}:\n{output}")
    return f"refused: {said[0].partition(': ')[2]}"


def start_worker(scene: Scene) -> str:
    """The process of the worker's service: its command, the settings of its task definition, the login of its secret."""
    seconds = scene.supervisor.start(worker(scene), threading.Event())
    with get_client(sync_client=True) as client:
        pool = client.read_work_pool(names.WORK_POOL)
        block = client.read_block_document_by_name(names.RESULTS, "s3-bucket")
    place = pool.base_job_template["variables"]["properties"]
    return (
        f"online after {seconds:.0f} s; pool {pool.name} ({pool.concurrency_limit} runs at once) in "
        f"{len(place['subnets']['default'])} subnets of the stacks; results in {block.data['bucket_name']}"
    )


def worker(scene: Scene) -> Part:
    pool = resources.ECS_WORK_POOL
    container = stacks.container(scene, names.WORKER)
    settings = {variable["name"]: variable["value"] for variable in container["environment"]}
    login = scene.secret(names.PREFECT_SECRET)
    # arn:...:secret:<name>:<field>::
    secrets = {secret["name"]: login[secret["valueFrom"].split(":")[-3]] for secret in container["secrets"]}
    part = worker_of(pool, "ecs-worker", scene.settings)
    health = {
        "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
        "PREFECT_WORKER_WEBSERVER_PORT": f"{scene.settings.listener_port}",
    }
    return Part(
        part.name,
        (part.argv[0], "-m", "deployments", "worker"),
        part.is_ready,
        environment={**settings, **secrets, **part.environment, **health},
    )


def release_this(scene: Scene) -> str:
    """The commit of this checkout: as the first, and again as the earlier one."""
    return release(scene, ROOT)


def release_next(scene: Scene) -> str:
    """A commit after this one, in a clone: only its name is new."""
    clone = scene.scratch / "next"
    git = ["git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.com"]
    for command in (
        [*git, "clone", "--quiet", "--shared", str(ROOT), str(clone)],
        [*git, "-C", str(clone), "commit", "--quiet", "--allow-empty", "--message", "The next version"],
    ):
        subprocess.run(command, check=True, capture_output=True)
    (clone / ".venv").symlink_to(ROOT / ".venv")
    return release(scene, clone)


def release(scene: Scene, checkout: Path) -> str:
    version = version_of(checkout)
    revision = _register(scene, checkout, version)
    # What was installed for this checkout is the clone's too: `setup` is left out.
    scene.run(
        f"(cd '{checkout}' && HIGHWATER_CODE='{checkout}' make --no-print-directory -o setup deploy ENV=local)"
    )
    scene.noted["version"] = version
    return f"{_deployments(version)} with version {version}; {names.FLOW_RUN}:{revision}"


def _register(scene: Scene, checkout: Path, version: str) -> int:
    """What the stacks do with a new image: another revision. The variables are those that docker/Dockerfile sets."""
    container = stacks.container(scene, names.FLOW_RUN)
    image = {
        "PYTHONPATH": str(checkout),
        "HIGHWATER_CODE": str(checkout),
        "HIGHWATER_CODE_VERSION": version,
    }
    settings = {variable["name"]: variable["value"] for variable in container["environment"]} | image
    environment = [{"name": name, "value": value} for name, value in settings.items()]
    kept = {part: container[part] for part in _CONTAINER}
    made = scene.aws("ecs").register_task_definition(
        family=names.FLOW_RUN, containerDefinitions=[{**kept, "environment": environment}], **_FARGATE
    )
    return int(made["taskDefinition"]["revision"])


def _deployments(version: str) -> str:
    with get_client(sync_client=True) as client:
        found = client.read_deployments()
        for schedule in [(d.id, s.id) for d in found for s in d.schedules]:
            client.update_deployment_schedule(
                *schedule, active=False
            )  # a run by schedule would be in the way
    others = [deployment.name for deployment in found if deployment.version != version]
    if others or not found:
        raise AssertionError(f"not of version {version}: {', '.join(others) or 'no deployment at all'}")
    return f"{len(found)} deployments on {', '.join(sorted({str(d.work_pool_name) for d in found}))}"
