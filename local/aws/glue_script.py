"""Translate a Glue job run into a command: script, modules, arguments and environment, as on Glue 5.1."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from local.aws import s3_objects
from local.aws.java import NoSuitableJavaError, java_home
from local.aws.job_runner import CannotRunError
from local.aws.spark_conf import parse_conf_argument

SEE = "see docs/parity.md"
NOT_SUPPORTED = {
    "--extra-jars": "the local Spark has no jars but its own",
    "--extra-files": "files are not copied to the script's directory",
    "--user-jars-first": "the local Spark has no jars but its own",
    "--datalake-formats": "the local Spark has no table format's jar: hand the job a snapshot's file list",
    "--enable-glue-datacatalog": "the local Spark is not connected to the Glue catalog",
}
PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class RunDirectories:
    """The directories below <state>/glue/runs/<run id>, which is removed when the run ends. The log is kept."""

    root: Path
    log: Path

    @property
    def s3(self) -> Path:
        return self.root / "s3"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def modules(self) -> Path:
        return self.root / "modules"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def scratch(self) -> Path:
        return self.root / "tmp"

    def make(self) -> None:
        for directory in (self.s3, self.modules, self.work, self.scratch):
            directory.mkdir(parents=True)


def check_supported(command_name: str, arguments: Mapping[str, str]) -> None:
    if command_name != "glueetl":
        raise CannotRunError(f"the local cloud runs Glue jobs of type glueetl, not {command_name!r}: {SEE}")
    for name, reason in NOT_SUPPORTED.items():
        if name in arguments:
            raise CannotRunError(f"the local Glue does not support {name}: {reason}; {SEE}")
    bookmark = arguments.get("--job-bookmark-option", "job-bookmark-disable")
    if bookmark != "job-bookmark-disable":
        raise CannotRunError(
            f"the local Glue keeps no bookmarks: --job-bookmark-option is {bookmark!r}; {SEE}"
        )
    check_modules(arguments.get("--additional-python-modules", ""))


def check_modules(modules: str) -> None:
    """Check that the locked environment has the modules that Glue would install."""
    for text in filter(None, (part.strip() for part in modules.split(","))):
        try:
            wanted = Requirement(text)
            installed = importlib.metadata.version(wanted.name)
        except InvalidRequirement as error:
            raise CannotRunError(
                f"--additional-python-modules {text!r} is not a PyPI requirement; {SEE}"
            ) from error
        except importlib.metadata.PackageNotFoundError as error:
            raise CannotRunError(
                f"--additional-python-modules {text!r} is not in the local environment; {SEE}"
            ) from error
        if not wanted.specifier.contains(installed, prereleases=True):
            raise CannotRunError(
                f"--additional-python-modules {text!r}: the local environment has {installed}; {SEE}"
            )


def fetch(uri: str, directory: Path) -> Path:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    name = key.rpartition("/")[2]
    if not uri.startswith("s3://") or name in ("", ".", ".."):
        raise CannotRunError(f"{uri!r} is not the s3:// address of a file")
    if bucket not in s3_objects.bucket_names():
        raise CannotRunError(f"{uri}: there is no bucket {bucket!r}")
    to = directory / name
    if s3_objects.write_body(bucket, key, to) is None:
        raise CannotRunError(f"{uri} does not exist: upload it before the run")
    return to


def fetch_modules(uris: str, directory: Path) -> list[str]:
    """Fetch --extra-py-files. Returns the import path: the directory of the .py files, and each archive."""
    path = [str(directory)]
    for uri in filter(None, (part.strip() for part in uris.split(","))):
        if not uri.endswith((".zip", ".py", ".egg", ".whl")):
            raise CannotRunError(f"--extra-py-files {uri!r} is neither a .py nor a .zip, .egg or .whl")
        fetched = fetch(uri, directory)
        if fetched.suffix != ".py":
            path.append(str(fetched))
    return path


def spark_settings(arguments: Mapping[str, str]) -> dict[str, str]:
    try:
        return parse_conf_argument(arguments["--conf"]) if "--conf" in arguments else {}
    except ValueError as error:
        raise CannotRunError(str(error)) from error


def script_argv(script: Path, arguments: Mapping[str, str]) -> list[str]:
    return [sys.executable, "-P", str(script), *(word for pair in arguments.items() for word in pair)]


def script_environment(
    directories: RunDirectories, import_path: list[str], aws: Mapping[str, str]
) -> dict[str, str]:
    """The script's whole environment, built from scratch so that no settings of this machine leak in.

    Neither the repository nor the working directory is on the import path: a module that the job does not ship is
    missing here too.
    """
    return {
        **spark_environment(),
        **aws,
        "HOME": str(directories.work),
        "TMPDIR": str(directories.scratch),
        "SPARK_LOCAL_DIRS": str(directories.scratch),
        "PYTHONPATH": os.pathsep.join(import_path),
    }


def spark_environment() -> dict[str, str]:
    """The variables that all processes of all runs share, including a JVM that serves several runs."""
    try:
        java = java_home()
    except NoSuitableJavaError as error:
        raise CannotRunError(str(error)) from error
    return {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(java / "bin"), "/usr/bin", "/bin"]),
        "TZ": "UTC",
        "JAVA_HOME": str(java),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
