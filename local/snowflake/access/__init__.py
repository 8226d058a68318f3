"""Roles, users and privileges of the local Snowflake: who may do what, judged before a statement runs."""
