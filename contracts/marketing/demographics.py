"""The customers, as a whole snapshot each day."""

from __future__ import annotations

from contracts.language.columns import optional, required
from contracts.language.dataset import Dataset
from contracts.language.delivery import OF_A_DAY, Delivery

DEMOGRAPHICS = Dataset(
    domain="marketing",
    name="demographics",
    description="Every customer on a day, as delimited text files. Who is missing has left; one line each.",
    delivery=Delivery("demographics", "day", f"raw/marketing/demographics/{OF_A_DAY}"),
    key=("customer_id",),
    surrogate="customer_key",
    columns=(
        required("customer_id", "identifier", "The customer, as in the events of the website."),
        optional("first_name", "text", "Given name.", personal=True),
        optional("last_name", "text", "Family name.", personal=True),
        optional("email", "text", "Address. Marts have its keyed hash only.", personal=True),
        optional("region", "text", "Where the customer lives."),
        optional("signup_date", "date", "When the customer registered."),
    ),
)
