"""Datasets with every rule and every kind of the language."""

from __future__ import annotations

from contracts.language.columns import (
    above,
    at_least,
    at_most,
    at_most_column,
    below,
    between,
    length,
    matches,
    monday,
    not_after,
    not_days_after,
    not_years_before,
    one_of,
    optional,
    required,
)
from contracts.language.dataset import CODE_PATTERN, Dataset

EVERY_RULE = Dataset(
    domain="test",
    name="every_rule",
    description="Every rule of the language, on required and on optional columns.",
    key=("code",),
    columns=(
        required("code", "code", "Its code.", matches(CODE_PATTERN)),
        required("label", "text", "Its label.", length(2, 9)),
        required("lower", "number", "Never above upper.", at_least(0), at_most_column("upper")),
        required("upper", "number", "Never below lower.", at_most(1)),
        required("first", "date", "Never after last.", at_most_column("last")),
        required("last", "date", "Not long ago.", not_years_before("source_date", 1)),
        required("kind", "channel", "One of two.", one_of("modern_trade", "ecommerce")),
        optional("price", "decimal", "Neither nothing nor a fortune.", above(0), at_most(10**6)),
        optional("stock", "integer", "Within bounds.", between(0, 10**5)),
        optional("seen_at", "timestamp", "Never of the future.", not_days_after("source_date", 1)),
        optional("sold_on", "date", "Never of the future.", not_after("source_date")),
        optional("week", "date", "A Monday.", monday()),
        optional("is_open", "boolean", "Whether it is."),
        optional("discount", "number", "Never all of it.", at_least(0), below(1)),
        optional("grade", "integer", "One of three.", one_of(1, 2, 3)),
    ),
)
EVERY_KIND = Dataset(
    domain="test",
    name="every_kind",
    description="The kinds that no dataset of ours has yet, on required and on optional columns.",
    key=("code",),
    columns=(
        required("code", "code", "Its code."),
        required("opens_at", "time", "Before it closes.", at_most_column("closes_at")),
        required("closes_at", "time", "After it opens."),
        optional("rings_at", "time", "Any time of day."),
        required("started_at", "local_timestamp", "Never of the future.", not_days_after("source_date", 1)),
        optional("ended_at", "local_timestamp", "After the start.", at_most_column("started_at")),
        required("price", "decimal(14,2)", "Neither nothing nor a fortune.", at_least(0.1), below(1000.01)),
        optional("rate", "decimal(38,10)", "Of many digits."),
        optional("units", "decimal(5,0)", "Without places.", at_least(-10)),
        optional("share", "decimal(4,4)", "Below one."),
        required("properties", "json", "Not too long.", length(3, 60)),
        optional("notes", "json", "Any document."),
        optional("seen_at", "timestamp", "Any instant."),
    ),
)
EVERY_NESTED = Dataset(
    domain="test",
    name="every_nested",
    description="Arrays and structs, on required and on optional columns.",
    key=("code",),
    columns=(
        required("code", "code", "Its code."),
        required("tags", "array(text)", "Any texts."),
        required("skus", "array(code)", "Codes."),
        optional("counts", "array(integer)", "Whole numbers."),
        required("prices", "array(decimal(9,2))", "Exact amounts."),
        optional("amounts", "array(decimal)", "Rounded amounts."),
        optional("shares", "array(number)", "Ratios."),
        optional("answers", "array(boolean)", "Yes or no."),
        optional("days", "array(date)", "Days."),
        optional("hours", "array(time)", "Times of day."),
        optional("moments", "array(timestamp)", "Moments."),
        required("price", "struct(amount decimal(12,2), currency code, since date)", "A price."),
        optional(
            "place", "struct(name text, latitude number, is_open boolean, seen_at timestamp)", "A place."
        ),
        optional("visit", "struct(at time, on_channel channel, units integer)", "A visit."),
    ),
)
PRICE = "struct(amount decimal(12,2), currency code)"
BASKETS = Dataset(
    domain="test",
    name="baskets",
    description="What was put into a basket.",
    key=("code",),
    columns=(
        required("code", "code", "Its code."),
        required("skus", "array(code)", "Its articles."),
        optional("price", PRICE, "What it costs."),
    ),
)
