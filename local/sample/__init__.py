"""Seeded sample data: two years of raw files of an imaginary consumer-goods company, with known defects."""

from __future__ import annotations

from local.sample.files import BucketSink, DirectorySink, Written, cached_tree, write
from local.sample.generate import RawFile, generate, generate_with_truth, truth
from local.sample.profile import Profile, demo, small
from local.sample.truth import Truth

__all__ = [
    "BucketSink", "DirectorySink", "Profile", "RawFile", "Truth", "Written", "cached_tree", "demo", "generate",
    "generate_with_truth", "small", "truth", "write",
]  # fmt: skip
