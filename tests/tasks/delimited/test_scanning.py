"""The fast splitter agrees with the careful one wherever it vouches for records, and vouches for all of a sound text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.delimited.scanning import Scan, is_scannable, scan
from tasks.delimited.splitting import Dialect, Splitter

BACKSLASH = Dialect(escape="\\")


def agrees(text: str, dialect: Dialect, width: int, final: bool) -> Scan:
    data = text.encode()
    found = scan(data, dialect, width, final)
    vouched = data[: found.consumed].decode()
    careful = list(Splitter(vouched, dialect, width).records())
    blank = [record for record in careful if not record.cells]
    assert found.starts.tolist() == [record.start for record in careful]
    assert found.ends.tolist() == [record.end for record in careful]
    assert found.lines.tolist() == [record.line for record in careful]
    widths = [len(record.cells) or 1 for record in careful]
    assert found.widths.tolist() == widths
    assert found.consumed_lines == sum(record.lines for record in careful)
    assert not any(record.flaw for record in careful)
    assert all(record.start == record.end for record in blank)
    return found


# ASCII alone: places in the text are then places in its bytes.
PIECES = st.lists(
    st.sampled_from(["a", "b1", ",", ",", '"', '"', "\n", "\r\n", "\r", "x y", "\\", '""', '","', '"\n"']),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(PIECES, st.booleans(), st.sampled_from([Dialect(), Dialect(quote=None), BACKSLASH]))
def test_it_agrees_with_the_careful_splitter_on_any_text(
    pieces: list[str], final: bool, dialect: Dialect
) -> None:
    # Width 1: nothing is preferred because of its width, which only the careful splitter does.
    agrees("".join(pieces), dialect, 1, final)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_it_vouches_for_all_of_a_sound_text(newline: str) -> None:
    text = newline.join(['a,"b ""x"", y",c', '1,"two\nlines",""', "", ",,", '"q",2,3', ""])
    found = agrees(text, Dialect(), 3, final=True)
    assert (found.consumed, found.trouble) == (len(text), False)
    assert found.widths.tolist() == [3, 3, 1, 3, 3]


@pytest.mark.parametrize(
    ("text", "consumed"),
    [
        ('1,2\n3,"x" y\n5,6\n', 4),
        ('1,2\n3,x "y\n5,6\n', 4),
        ('1,2\n3,"x\n5,6\n', 4),
        ('1,2\n3, "x"\n', 4),
    ],
)
def test_it_stops_at_a_quote_that_stands_wrong(text: str, consumed: int) -> None:
    found = scan(text.encode(), Dialect(), 2, final=True)
    assert (found.consumed, found.trouble, found.widths.tolist()) == (consumed, True, [2])


def test_it_stops_where_a_quoted_field_holds_a_whole_record() -> None:
    text = '1,2,3,4\n5,"x,7,8\n9,10,11,12\n13,y",15,16\n'
    found = scan(text.encode(), Dialect(), 4, final=True)
    assert (found.consumed, found.trouble) == (8, True)


def test_what_it_leaves_to_the_careful_splitter() -> None:
    assert is_scannable(Dialect())
    assert is_scannable(Dialect("\x01", None, None))
    assert not any(map(is_scannable, (Dialect("||"), Dialect("§"), Dialect(None))))
