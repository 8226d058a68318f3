"""The local Snowflake: fakesnow's server over DuckDB files, made to refuse what it would only pretend to do."""
