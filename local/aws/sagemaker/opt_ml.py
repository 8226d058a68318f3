"""/opt/ml: every job has its own, so that two can run side by side.

Where the system allows it (Linux, root or unprivileged namespaces), a job runs in a mount namespace in which its
directory is /opt/ml, and nothing of that is seen outside. Elsewhere the paths that SageMaker itself hands to a program,
in its arguments and in the variables of SageMaker's toolkits, name the job's directory instead of /opt/ml.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.aws.job_runner import CannotRunError

OPT_ML = "/opt/ml"
BASE_DIR_VARIABLE = "SAGEMAKER_BASE_DIR"  # of sagemaker-containers, the toolkit in the XGBoost image
PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
# A tmpfs over /opt keeps the machine's own /opt as it is; what else is there shines through by bind mounts.
AS_OPT_ML = """
set -e
before=$1/opt-before job=$1/opt/ml cwd=$2
shift 2
mkdir -p "$before" /opt
mount --rbind /opt "$before"
mount -t tmpfs highwater /opt
for entry in "$before"/*; do
  name=/opt/${entry##*/}
  if [ -L "$entry" ]; then cp -P "$entry" "$name"
  elif [ "$name" = /opt/ml ]; then continue
  elif [ -d "$entry" ]; then mkdir "$name"; mount --rbind "$entry" "$name"
  elif [ -e "$entry" ]; then : >"$name"; mount --bind "$entry" "$name"
  fi
done
mkdir /opt/ml
mount --bind "$job" /opt/ml
cd "$cwd"
exec "$@"
"""


@dataclass(frozen=True)
class Program:
    """What to run, with paths and variables as its author knows them: below /opt/ml."""

    argv: Sequence[str]
    variables: Mapping[str, str]
    cwd: str = OPT_ML


@dataclass(frozen=True)
class OptMl:
    root: Path
    isolated: bool

    def path(self, inside: str) -> Path:
        """Where a path below /opt/ml really is."""
        pure = PurePosixPath(inside)
        if not pure.is_relative_to(OPT_ML) or ".." in pure.parts:
            raise CannotRunError(f"{inside!r} is not a path below {OPT_ML}")
        return self.root / "opt" / "ml" / pure.relative_to(OPT_ML)

    def make(self, inside: str) -> Path:
        directory = self.path(inside)
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def argv(self, program: Program) -> list[str]:
        if not self.isolated:
            return [self._mapped(word) for word in program.argv]
        return [*_namespace(), "sh", "-c", AS_OPT_ML, "sh", str(self.root), program.cwd, *program.argv]

    def environment(self, program: Program, python: Path, aws: Mapping[str, str]) -> dict[str, str]:
        """All that the program sees: built up, not inherited, so that nothing of this machine's settings leaks in."""
        scratch = self.root / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        given = dict(program.variables)
        if not self.isolated:
            given = {name: self._mapped(value) for name, value in given.items()}
            given[BASE_DIR_VARIABLE] = str(self.path(OPT_ML))
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **aws,
            "PATH": os.pathsep.join([str(python.parent), "/usr/local/bin", "/usr/bin", "/bin"]),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONNOUSERSITE": "1",
            **given,
        }

    def cwd(self, program: Program) -> Path:
        return self.path(program.cwd)

    def _mapped(self, text: str) -> str:
        """Paths also stand inside longer values (JSON, --a=/opt/ml/x)."""
        return text.replace(OPT_ML, str(self.path(OPT_ML)))


def _namespace() -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    return [shutil.which("unshare") or "unshare", "--mount", *as_root, "--propagation", "private"]


@functools.cache
def can_isolate(scratch: Path) -> bool:
    """Try it: a container without the right to mount, or macOS, can't."""
    if shutil.which("unshare") is None:
        return False
    ml = OptMl(scratch / "isolation", isolated=True)
    ml.make(OPT_ML)
    command = ml.argv(Program(["test", "-d", OPT_ML], {}))
    tried = subprocess.run(command, check=False, capture_output=True, timeout=10)
    shutil.rmtree(ml.root, ignore_errors=True)
    return tried.returncode == 0
