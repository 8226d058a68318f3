"""The arguments of a Glue job run, and the folder that it writes to.

Glue passes each run its id. A run writes only below folders of that name, so two runs of one request share no file if a
start is ever doubled. The caller reads the output of the run whose id it knows.

A job whose code is not the caller's refuses: it would clean by other rules than the caller judges by. The caller compares
before the start, but only Glue, which takes script, modules and `--code_version` from one definition, knows what it started.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.glue.errors import AnotherRelease

_FIGURES = "figures.json"


@dataclass(frozen=True)
class Request:
    manifest: str
    figures_folder: str
    run: str

    @property
    def figures(self) -> str:
        return f"{self.own(self.figures_folder)}/{_FIGURES}"

    def own(self, folder: str) -> str:
        """The folder of this run below another one."""
        return f"{folder.rstrip('/')}/{self.run}"


def parse(program: str, arguments: Sequence[str] | None) -> Request:
    """Parse the arguments. Arguments that Glue adds for itself are ignored. Raises AnotherRelease."""
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    parser.add_argument("--manifest", required=True, help="s3:// address of what there is to do")
    parser.add_argument(
        "--figures", required=True, help="s3:// folder; the figures go to <folder>/<run>/figures.json"
    )
    parser.add_argument("--JOB_RUN_ID", required=True, help="the run's id; Glue passes it")
    parser.add_argument("--code_version", help="of this job's code; its definition tells it")
    parser.add_argument("--callers_code_version", help="of the code of who started the run; it tells it")
    given, _ = parser.parse_known_args(arguments)
    _refuse_another_release(program, given.code_version, given.callers_code_version)
    return Request(given.manifest, given.figures, given.JOB_RUN_ID)


def _refuse_another_release(program: str, ours: str | None, callers: str | None) -> None:
    """By hand a job is run without any, and a caller of an earlier release tells none."""
    if callers and callers != ours:
        raise AnotherRelease(
            f"{program} has another version of contracts/ and jobs/ than the run that started it: {ours} here, {callers} "
            "there. Nothing was read or written. Release one commit for both with `make release`, then run it again."
        )
