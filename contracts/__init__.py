"""What each dataset must look like: written once as a pandera model, read by Spark, Snowflake and the docs."""
