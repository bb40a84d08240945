from hypothesis import given
from hypothesis import strategies as st

from augment.serve.text import Detokenizer, StopStrings


def bytes_detokenizer():
    """A vocabulary of single bytes: the worst case for characters that span tokens."""
    return Detokenizer(lambda tokens: bytes(tokens).decode("utf-8", errors="replace"))


@given(st.text(max_size=60))
def test_pieces_join_to_the_text_and_never_hold_half_a_character(text):
    detokenizer = bytes_detokenizer()
    tokens = list(text.encode())
    pieces = [detokenizer.feed([token], last=at == len(tokens) - 1) for at, token in enumerate(tokens)]
    assert "".join(pieces) == text
    assert detokenizer.count == len(tokens)


def test_a_character_is_shown_once_its_last_byte_is_there():
    detokenizer = bytes_detokenizer()
    first, second = "é".encode()
    assert [detokenizer.feed([first]), detokenizer.feed([second])] == ["", "é"]


@given(st.text(alphabet="abc", max_size=40), st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=3))
def test_text_ends_before_the_first_stop_string_however_it_is_cut(text, stops):
    whole = StopStrings(stops)
    expected = whole.feed(text, last=True)
    assert not any(stop in expected for stop in stops)
    piecewise = StopStrings(stops)
    shown = "".join(piecewise.feed(letter, last=at == len(text) - 1) for at, letter in enumerate(text))
    assert piecewise.matched == whole.matched == any(stop in text for stop in stops)
    assert text.startswith(shown)
    assert not any(stop in shown for stop in stops)


def test_what_may_begin_a_stop_string_is_held_back_until_it_does_not():
    stops = StopStrings(["```"])
    assert [stops.feed(piece) for piece in ("code``", "x", "``", "`more")] == ["code", "``x", "", ""]
    assert stops.matched
