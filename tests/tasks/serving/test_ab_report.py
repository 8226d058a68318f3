"""What was predicted, joined with what happened; checked against scikit-learn."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from tasks.serving.ab_report import ab_report, as_json, auc, last_answers
from tasks.serving.captured import Served, Unread, in_file

DAY = date(2026, 11, 23)
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def test_figures_are_scikit_learns() -> None:
    rng = np.random.default_rng(5)
    p = np.round(rng.random(500), 2)  # with ties
    y = rng.random(500) < p
    served = [Served("champion", f"c{i}", AT, float(p[i])) for i in range(500)]
    (part,) = ab_report(last_answers(served), {(f"c{i}", DAY): bool(y[i]) for i in range(500)})
    assert (part.variant, part.n, part.churned, part.not_known_yet) == ("champion", 500, y.sum(), 0)
    assert part.auc == pytest.approx(roc_auc_score(y, p))
    assert part.brier == pytest.approx(brier_score_loss(y, p))
    assert part.log_loss == pytest.approx(log_loss(y, p))
    assert part.mean_probability == pytest.approx(p.mean())
    assert part.realised == pytest.approx(y.mean())


def test_a_customer_counts_once_a_day_and_our_own_requests_never() -> None:
    later = AT + timedelta(hours=1)
    served = [
        Served("champion", "a", later, 0.9),
        Served("champion", "a", AT, 0.2),
        Served("champion", "a", AT + timedelta(days=1), 0.4),
        Served("challenger", "a", AT, 0.6),
        Served("challenger", "b", AT, 0.5),
        Served("challenger", "", AT, 0.9),
        Served("challenger", "probed", AT, 0.1, probe=True),
    ]
    outcomes = {("a", DAY): True, ("a", DAY + timedelta(days=1)): False, ("probed", DAY): True}
    report = as_json(ab_report(last_answers(served), outcomes))
    assert (report["champion"]["n"], report["champion"]["mean_probability"]) == (2, pytest.approx(0.65))
    assert report["champion"]["auc"] == 1.0
    challenger = report["challenger"]
    assert (challenger["n"], challenger["not_known_yet"], challenger["auc"]) == (1, 1, None)
    assert challenger["brier"] == pytest.approx(0.16)


def test_nobody_known_has_no_figures() -> None:
    (part,) = ab_report(last_answers([Served("champion", "a", AT, 0.5)]), {})
    assert (part.n, part.not_known_yet, part.auc, part.brier, part.realised) == (0, 1, None, None, None)
    assert auc(np.array([0.1, 0.2]), np.array([1.0, 1.0])) is None


def test_a_captured_file_of_aws_is_read() -> None:
    answer = json.dumps({"predictions": [{"customer_id": "a", "probability": 0.25, "reasons": []}]})
    line: dict[str, Any] = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "application/json",
                "mode": "INPUT",
                "data": "{}",
                "encoding": "JSON",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": answer,
                "encoding": "JSON",
            },
        },
        "eventMetadata": {
            "eventId": "1",
            "inferenceId": "probe-7",
            "inferenceTime": "2026-11-23T10:00:00Z",
        },
        "eventVersion": "0",
    }
    unread = Unread()
    (found,) = in_file("champion", "s3://a/b.jsonl", json.dumps(line).encode() + b"\n\n", unread)
    assert found == Served("champion", "a", AT, 0.25, probe=True)
    line["eventMetadata"] = {"eventId": "2", "inferenceTime": "2026-11-23T10:00:00Z"}
    output = line["captureData"]["endpointOutput"]
    output["data"] = base64.b64encode(b'{"predictions": [{"probability": 0.5}]}').decode()
    output["encoding"] = "BASE64"
    assert list(in_file("champion", "s3://a/b.jsonl", json.dumps(line).encode(), unread)) == [
        Served("champion", "", AT, 0.5)
    ]
    output["observedContentType"] = "application/x-parquet"
    assert list(in_file("champion", "s3://a/b.jsonl", json.dumps(line).encode(), unread)) == []
    assert unread == Unread()


def test_a_line_that_can_not_be_read_is_counted_and_left_out() -> None:
    def line(data: str) -> bytes:
        output = {"observedContentType": "application/json", "data": data, "encoding": "JSON"}
        event = {"inferenceTime": "2026-11-23T10:00:00Z"}
        return json.dumps({"captureData": {"endpointOutput": output}, "eventMetadata": event}).encode()

    good = line('{"predictions": [{"customer_id": "a", "probability": 0.25}]}')
    bad = (
        *(b"{}", b"[]", b'{"captureData"', b"\xff"),
        *(
            line(data)
            for data in (
                *("no json", "{}", '{"predictions": [1]}', '{"predictions": [{"probability": null}]}'),
                '{"predictions": [{"customer_id": "b", "probability": 0.5}, {"customer_id": "c"}]}',
                '{"predictions": [{"probability": NaN}]}',
            )
        ),
    )
    unread = Unread()
    found = in_file("champion", "s3://a/b.jsonl", b"\n".join((good, *bad, good)), unread)
    assert list(found) == [Served("champion", "a", AT, 0.25)] * 2
    assert unread == Unread(len(bad), "line 2 of s3://a/b.jsonl: KeyError: 'eventMetadata'")
