"""Events of the website."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset
from contracts.language.delivery import OF_A_DAY, Delivery

CLICKSTREAM = Dataset(
    domain="marketing",
    name="clickstream",
    description="Events of the website by day of delivery, as JSON. An event that comes again replaces the earlier one.",
    delivery=Delivery("clickstream", "day", f"raw/marketing/clickstream/{OF_A_DAY}"),
    key=("event_id",),
    columns=(
        required("event_id", "identifier", "The event. The number 12 and the text 12 are the same one."),
        optional("user_id", "identifier", "Customer who did it. Nobody known: the event has no session."),
        required("event_type", "text", "What happened, such as page_view."),
        optional("page_url", "text", "Page where it happened."),
        optional("duration_ms", "integer", "Milliseconds that it took."),
        required("timestamp", "timestamp", "When it happened. UTC unless it says otherwise."),
        optional("properties", "json", "Whatever else the page says about it."),
    ),
)
