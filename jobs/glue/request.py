"""The arguments of a Glue job run, and the folder that it writes to.

Glue passes each run its id. A run writes only below folders of that name, so two runs of one request share no file if a
start is ever doubled. The caller reads the output of the run whose id it knows.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

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
    """Parse the arguments. Arguments that Glue adds for itself are ignored."""
    parser = argparse.ArgumentParser(prog=program, allow_abbrev=False)
    parser.add_argument("--manifest", required=True, help="s3:// address of what there is to do")
    parser.add_argument(
        "--figures", required=True, help="s3:// folder; the figures go to <folder>/<run>/figures.json"
    )
    parser.add_argument("--JOB_RUN_ID", required=True, help="the run's id; Glue passes it")
    given, _ = parser.parse_known_args(arguments)
    return Request(given.manifest, given.figures, given.JOB_RUN_ID)
