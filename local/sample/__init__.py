"""Seeded sample data with known defects: a folder for each domain."""
