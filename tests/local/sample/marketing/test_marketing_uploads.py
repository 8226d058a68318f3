"""The sample is the same for the same seed, its figures add up, and each defect is in it."""

from __future__ import annotations

from local.sample.marketing import truth, uploads


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert [(u.key, u.body) for u in uploads(3, 2)] == [(u.key, u.body) for u in uploads(3, 2)]
    assert [u.body for u in uploads(3, 1)] != [u.body for u in uploads(4, 1)]
    assert uploads(3, 3)[:10] == uploads(3, 2)


def test_every_record_is_accounted_for() -> None:
    for upload in uploads(1, 2):
        end = upload.expected
        assert end.records == end.header_lines + end.rows + end.quarantined + end.blank_lines, upload.key
        assert end.rows == len(upload.rows)


def test_the_truth_has_every_defect() -> None:
    told = truth(uploads(1, 2))
    assert (told.customers, told.active, told.events, told.sessions) == (121, 119, 502, 230)
    assert (told.late, told.unknown) == (44, 16)
    one = truth(uploads(1, 1))
    assert (one.customers, one.active) == (119, 119)
