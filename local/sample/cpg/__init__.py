"""Seeded sample data: two years of raw files of an imaginary consumer-goods company, with known defects."""

from __future__ import annotations

from local.sample.cpg.files import Written, cached_tree, write
from local.sample.cpg.generate import RawFile, generate, generate_with_truth, truth
from local.sample.cpg.profile import Profile, demo, small
from local.sample.cpg.truth import Truth

__all__ = [
    "Profile", "RawFile", "Truth", "Written", "cached_tree", "demo", "generate", "generate_with_truth", "small", "truth",
    "write",
]  # fmt: skip
