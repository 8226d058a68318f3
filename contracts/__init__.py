"""What each dataset must look like: written once as a value, read by Spark, Snowflake, DuckDB, pandera and the docs."""
