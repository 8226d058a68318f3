"""`python -m audit` (`make audit`): no known vulnerability in any lock without an explanation in audit/exceptions.toml.

Ends with 0 when that is so, with 1 when it is not, and with 3 when the advisories of a package could not be reached: then
nothing is known of it, which is not the same as nothing found.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path

from audit import exceptions, locks
from audit.package_index import PYPI

ROOT = Path(__file__).parents[1]
FOUND, NOT_REACHED = 1, 3


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument("--service", help="another address than api.osv.dev that answers like it")
    parser.add_argument("--index", default=PYPI, help="another address than pypi.org that answers like it")
    asked = parser.parse_args(arguments)
    services = locks.Services(asked.service, asked.index)
    advisories: list[locks.Advisory] = []
    unasked = 0
    for lock in locks.all_of(root):
        known = locks.known(root, lock, services)
        advisories += known.advisories
        print(f"{lock}: {len(known.advisories)} known")
        if known.unasked:
            unasked += 1
            print(f"NOT AUDITED: {lock}: {known.unasked}", file=sys.stderr)
    explained = exceptions.read(root / "audit" / "exceptions.toml")
    faults = [*exceptions.unexplained(advisories, explained, date.today())]
    if not unasked:
        faults += exceptions.unneeded(advisories, explained)
    for fault in faults:
        print(fault, file=sys.stderr)
    return FOUND if faults else NOT_REACHED if unasked else 0


if __name__ == "__main__":
    sys.exit(main())
