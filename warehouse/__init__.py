"""Snowflake's side: migrations, the statements that load the DW from the lake, and the marts. SQL only, no connection."""
