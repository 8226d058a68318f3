"""What a flow imports only when it needs it. A process that forks runs imports it first, so that none of them has to."""

MODULES = (
    *("fastapi.encoders", "graphviz", "numpy.random", "pandas"),
    *("pyiceberg.catalog.glue", "pyiceberg.io.pyarrow", "tasks.lake.lake_catalog"),
)
