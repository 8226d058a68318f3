"""Snowflake SQL: migrations, the statements that load the DW from the lake, and the marts. No connections."""
