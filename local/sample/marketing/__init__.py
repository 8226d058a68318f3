"""Seeded sample data: customers and events of a website by day, with known defects and known ends."""

from __future__ import annotations

from local.sample.marketing.truth import Truth, truth
from local.sample.marketing.uploads import Expected, Upload, uploads

__all__ = ["Expected", "Truth", "Upload", "truth", "uploads"]
