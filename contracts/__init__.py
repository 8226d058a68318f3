"""Data contracts: what each dataset must look like, defined once for Spark, Snowflake, DuckDB, pandera and the docs."""
