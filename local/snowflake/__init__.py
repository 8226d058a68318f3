"""The local Snowflake: fakesnow's server over DuckDB files, changed to refuse what fakesnow only pretends to run."""
