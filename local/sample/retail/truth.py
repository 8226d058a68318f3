"""What the warehouse must say after some uploads, from the generator's own records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from local.sample.retail.trade import Sale, Store
from local.sample.retail.uploads import Upload

Key = tuple[str, str]


@dataclass(frozen=True)
class Totals:
    """`amount` is net of returns, `returns_amount` the sum of negative amounts, `nameless` the sales of unknown stores."""

    stores: int
    transactions: int
    amount: Decimal
    returns_amount: Decimal
    nameless: int


def totals(uploads: Sequence[Upload]) -> Totals:
    """Each transaction counts once: as in the file of the latest batch date, of these the last uploaded, in it the last."""
    sales: dict[Key, tuple[date, Sale]] = {}
    stores: set[str] = set()
    for upload in uploads:
        for row in upload.rows:
            assert upload.batch_date is not None
            if isinstance(row, Store):
                stores.add(row.token)
                continue
            key = row.store_token, row.transaction_id
            if key not in sales or upload.batch_date >= sales[key][0]:
                sales[key] = upload.batch_date, row
    amounts = [sale.amount for _, sale in sales.values()]
    return Totals(
        stores=len(stores),
        transactions=len(sales),
        amount=sum(amounts, Decimal(0)),
        returns_amount=sum((amount for amount in amounts if amount < 0), Decimal(0)),
        nameless=sum(sale.store_token not in stores for _, sale in sales.values()),
    )
