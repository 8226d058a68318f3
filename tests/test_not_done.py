"""What is not shown for want of a part of the machine is told at the end of the run (`-ra`): NOT DONE, and why."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOLD = {
    "tests/docker/test_image.py": "the worker's image was not built here, there is no buildah, debootstrap",
    "tests/local/aws/test_sagemaker_isolation.py": "no job was cut off here, unshare is refused",
    "tests/local/aws/test_sagemaker_training.py": "no job was cut off here, unshare is refused",
    "tests/local/aws/test_sagemaker_opt_ml.py": "no job was cut off here, unshare is refused",
}


def test_what_a_machine_without_programs_does_not_show_is_told(tmp_path: Path) -> None:
    some = "image or isolated_processing or opt_ml_is"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", some, *TOLD],
        cwd=ROOT,
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.findall(r"^SKIPPED \[\d+\] ([^:]+)(?::\d+)?: NOT DONE: (.*)$", done.stdout, re.MULTILINE)
    assert dict(told) == TOLD, done.stdout
