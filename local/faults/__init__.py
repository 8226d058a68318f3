"""Inject faults between a run and the local cloud: refuse calls, lose or delay responses, kill clients. Off by default."""
