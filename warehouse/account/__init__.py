"""What an administrator makes in a Snowflake account for one database: objects, then the grants in the .sql files here."""
