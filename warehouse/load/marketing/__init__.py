"""Marketing's inputs into RAW, and from there into the DW: customers as the newest snapshot has them, and events.

A run stages its files first. Both the replacement of RAW and the merges read that staging, so that a run that replaces
RAW in between mixes nothing into another's merge.
"""
