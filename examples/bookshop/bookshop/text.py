"""Titles, names and short texts."""

from __future__ import annotations

SMALL_WORDS = frozenset({"a", "an", "and", "at", "by", "for", "in", "of", "on", "or", "the", "to"})
ARTICLES = ("the ", "an ", "a ")


def slugify(title: str, max_length: int = 40) -> str:
    """A lower-case name for a web address: letters and digits joined by single hyphens.

    >>> slugify("Crime & Punishment!")
    'crime-punishment'
    """
    if max_length < 1:
        raise ValueError("max_length must be positive")
    words = "".join(char if char.isalnum() else " " for char in title.lower()).split()
    slug = "-".join(words)
    return slug[:max_length].rstrip("-")


def title_case(title: str) -> str:
    """Capitalise every word but the small ones; the first word always.

    >>> title_case("the lord of the rings")
    'The Lord of the Rings'
    """
    words = title.lower().split()
    return " ".join(
        word if index > 0 and word in SMALL_WORDS else word.capitalize() for index, word in enumerate(words)
    )


def sort_key(title: str) -> str:
    """What a title is sorted by: lower case, with a leading article at the end.

    >>> sort_key("The Stranger"), sort_key("Anna Karenina")
    ('stranger, the', 'anna karenina')
    """
    lowered = title.strip().lower()
    for article in ARTICLES:
        if lowered.startswith(article):
            return f"{lowered[len(article) :].strip()}, {article.strip()}"
    return lowered


def shorten(text: str, width: int) -> str:
    """Cut the text at a word's end so that it fits ``width`` characters, three dots included.

    >>> shorten("A Brief History of Time", 16)
    'A Brief...'
    """
    if width < 4:
        raise ValueError("width must be at least 4")
    if len(text) <= width:
        return text
    room = width - 3
    cut = text[:room]
    if not text[room].isspace() and " " in cut:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip() + "..."


def initials(name: str) -> str:
    """The initials of a name; particles in lower case are left out.

    >>> initials("Ludwig van Beethoven"), initials("Jane Austen")
    ('L.B.', 'J.A.')
    """
    return "".join(f"{part[0]}." for part in name.split() if part[0].isupper())


def invert_name(name: str) -> str:
    """The surname first, as in a catalogue; a name of one word stays as it is.

    >>> invert_name("Stephen William Hawking"), invert_name("Homer")
    ('Hawking, Stephen William', 'Homer')
    """
    given, _, surname = name.strip().rpartition(" ")
    return f"{surname}, {given}" if given else surname


def join_names(names: list[str]) -> str:
    """Names as a phrase: none, one, two, or the first of many.

    >>> join_names(["Gaiman", "Pratchett"]), join_names(["A", "B", "C"])
    ('Gaiman and Pratchett', 'A et al.')
    """
    if not names:
        return "unknown"
    if len(names) == 1:
        return names[0]
    if len(names) == 2:
        return f"{names[0]} and {names[1]}"
    return f"{names[0]} et al."


def count_words(text: str) -> dict[str, int]:
    """How often each word occurs, without regard to case and to punctuation at its ends.

    >>> count_words("The sea, the sea!")
    {'the': 2, 'sea': 2}
    """
    counts: dict[str, int] = {}
    for raw in text.lower().split():
        word = raw.strip(".,;:!?\"'()")
        if word:
            counts[word] = counts.get(word, 0) + 1
    return counts
