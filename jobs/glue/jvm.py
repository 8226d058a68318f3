"""The Java classes that the jobs call by name, each with its origin. Everything else they use is PySpark's own.

Glue's Spark is EMR's build: it has Hadoop's public API, but not necessarily the copies of other libraries that Apache's
release relocates. So only classes that are in every Spark 3.5.6 may be named, and only here.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Final

from pyspark.sql import SparkSession

# hadoop-common (in Apache's release: hadoop-client-api), @InterfaceAudience.Public and Stable. From it the jobs reach its
# FileSystem, and from there streams (java.io.InputStream.readAllBytes, since Java 9) and file statuses.
HADOOP_PATH: Final = "org.apache.hadoop.fs.Path"

CLASSES: Final = (HADOOP_PATH,)


def java_class(spark: SparkSession, name: str) -> Any:
    if name not in CLASSES:
        raise ValueError(f"{name} is not among the Java classes of jobs/glue/jvm.py")
    return reduce(getattr, name.split("."), spark._jvm)
