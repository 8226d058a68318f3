"""Write raw files to a sink, from a cache of the generated files."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from local.sample.cpg.generate import generate_with_truth
from local.sample.cpg.profile import Profile
from local.sample.cpg.truth import Truth
from local.sample.sinks import Sink

TRUTH_FILE = "_truth.json"


@dataclass(frozen=True)
class Written:
    files: int
    truth: Truth


def write(profile: Profile, sink: Sink, cache: Path | None = None) -> Written:
    tree = cached_tree(profile, cache)
    files = sorted((path.relative_to(tree).as_posix(), path) for path in tree.glob("raw/**/*.parquet"))
    return Written(sink.put_all(iter(files)), Truth.from_json((tree / TRUTH_FILE).read_text()))


def cached_tree(profile: Profile, cache: Path | None = None) -> Path:
    """The directory of the profile's files. They are generated unless the cache has them from the same code."""
    cache = default_cache() if cache is None else cache
    tree = cache / f"sample-{_fingerprint(profile)}"
    if tree.exists():
        return tree
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        _fill(unfinished, profile)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(tree)
        except OSError:
            # Another process finished the same tree first. Its files are identical.
            if not tree.exists():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return tree


def default_cache() -> Path:
    return Path(os.environ.get("HIGHWATER_LOCAL_STATE", ".local")) / "cache"


def _fill(tree: Path, profile: Profile) -> None:
    files, truth = generate_with_truth(profile)
    for file in files:
        target = tree / file.key
        target.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(file.table, target, compression="snappy")
    (tree / TRUTH_FILE).write_text(truth.to_json())


def _fingerprint(profile: Profile) -> str:
    """Hash of everything that determines the output: the profile, this package's code, and the versions of its libraries."""
    digest = hashlib.sha256(f"{profile!r} numpy {np.__version__} pyarrow {pa.__version__}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
