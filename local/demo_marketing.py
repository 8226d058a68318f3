"""Marketing engagement in the demo: a day of customers and events is delivered, and its marts are shown."""

from __future__ import annotations

from typing import Any

import boto3

from local import resources
from local.sample.marketing import uploads
from local.settings import LocalSettings
from local.sql import query

FLOW = "marketing-engagement"


def deliver() -> dict[str, Any]:
    """Put the day's files. Returns the parameters of the run that takes them."""
    s3 = boto3.client("s3")
    files = uploads(days=1)
    for upload in files:
        s3.put_object(Bucket=resources.LAKE.name, Key=upload.key, Body=upload.body)
    return {"run_date": files[0].day.isoformat()}


def marketing_summary(settings: LocalSettings) -> str:
    return "\n".join(
        [
            "What visitors of the website did, by region",
            query(_DAILY, settings).indented(),
            "",
            "How far they came",
            query(_FUNNEL, settings).indented(),
        ]
    )


_DAILY = """
SELECT COALESCE(region, 'unknown') AS region, SUM(events) AS events,
    SUM(IFF(event_type = 'page_view', events, 0)) AS page_views, SUM(IFF(event_type = 'purchase', events, 0)) AS purchases
FROM MARTS.ENGAGEMENT_DAILY GROUP BY 1 ORDER BY events DESC, region"""

_FUNNEL = """
SELECT day, step, users, ROUND(100 * rate, 1) AS "OF_THE_FIRST_%"
FROM MARTS.ENGAGEMENT_FUNNEL WHERE day = (SELECT MAX(day) FROM MARTS.ENGAGEMENT_FUNNEL) ORDER BY step_number"""
