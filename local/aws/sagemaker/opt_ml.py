"""A separate /opt/ml for every job, so that jobs can run side by side.

If the system allows it (Linux, with root or unprivileged namespaces), a job runs in a mount namespace in which its
directory is /opt/ml. The mount is not visible outside. On other systems, the paths that SageMaker passes to a program,
in its arguments and in the variables of SageMaker's toolkits, are changed from /opt/ml to the job's directory.

Where namespaces are allowed, a job with EnableNetworkIsolation also has a network namespace with nothing in it but its own
loopback. On any system it has no credentials.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.aws.job_runner import CannotRunError

OPT_ML = "/opt/ml"
BASE_DIR_VARIABLE = "SAGEMAKER_BASE_DIR"  # read by sagemaker-containers, the toolkit in the XGBoost image
PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
OF_A_REGION = ("AWS_DEFAULT_REGION", "AWS_REGION")
# A tmpfs over /opt leaves the machine's /opt unchanged. The other entries of /opt are bind-mounted into it.
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

# SIOCSIFFLAGS with IFF_UP: not every machine has `ip`.
LOOPBACK = shlex.join(
    [
        *(sys.executable, "-ISc"),
        "import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack('16sH22x', b'lo', 1))",
    ]
)


@dataclass(frozen=True)
class Program:
    """A program to run. Its paths and variables refer to /opt/ml."""

    argv: Sequence[str]
    variables: Mapping[str, str]
    cwd: str = OPT_ML


@dataclass(frozen=True)
class OptMl:
    root: Path
    isolated: bool
    offline: bool = False

    def path(self, inside: str) -> Path:
        """The real path of a path below /opt/ml."""
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
        script = f"set -e\n{LOOPBACK}\n{AS_OPT_ML}" if self.offline else AS_OPT_ML
        start = [*_namespaces(offline=self.offline), "sh", "-c", script, "sh"]
        return [*start, str(self.root), program.cwd, *program.argv]

    def environment(self, program: Program, python: Path, aws: Mapping[str, str]) -> dict[str, str]:
        """The program's whole environment, built from scratch so that no settings of this machine leak in."""
        scratch = self.root / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        given = dict(program.variables)
        if not self.isolated:
            given = {name: self._mapped(value) for name, value in given.items()}
            given[BASE_DIR_VARIABLE] = str(self.path(OPT_ML))
        return {
            **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
            **{name: value for name, value in aws.items() if not self.offline or name in OF_A_REGION},
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
        """Replace /opt/ml by the job's directory, also inside longer values (JSON, --a=/opt/ml/x)."""
        return text.replace(OPT_ML, str(self.path(OPT_ML)))


def _namespaces(*, offline: bool) -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    network = ["--net"] if offline else []
    return [shutil.which("unshare") or "unshare", "--mount", *network, *as_root, "--propagation", "private"]


@functools.cache
def can_isolate(scratch: Path) -> bool:
    """Whether mount and network namespaces work here. They do not on macOS or in a container without the right to mount."""
    if shutil.which("unshare") is None:
        return False
    ml = OptMl(scratch / "isolation", isolated=True, offline=True)
    ml.make(OPT_ML)
    command = ml.argv(Program(["test", "-d", OPT_ML], {}))
    tried = subprocess.run(command, check=False, capture_output=True, timeout=10)
    shutil.rmtree(ml.root, ignore_errors=True)
    return tried.returncode == 0
