"""The whole cloud on one machine: AWS, Snowflake and Prefect behind their real wire protocols."""
