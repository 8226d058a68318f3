"""Seeded sample data: delimited files of four partners for the retail inbox, with known defects and known ends."""

from __future__ import annotations

from local.sample.retail.truth import Totals, totals
from local.sample.retail.uploads import Expected, Upload, uploads

__all__ = ["Expected", "Totals", "Upload", "totals", "uploads"]
