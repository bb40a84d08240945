"""Shortening text, and letters for names."""

from __future__ import annotations


def shorten(text: str, width: int) -> str:
    """Cut a text that is too long, and mark the cut with three dots.

    Args:
        text: Any text.
        width: The most characters that the result may have, three or more.

    Returns:
        The text itself where it fits; otherwise its beginning and three dots, never longer than ``width`` characters.

    Raises:
        ValueError: If ``width`` is below three.
    """
    if width < 3:
        raise ValueError("three dots need three characters")
    if len(text) <= width:
        return text
    return text[:width] + "..."


def abbreviate(text: str, width: int) -> str:
    """Cut a text that is too long, and end it with a full stop.

    Parameters
    ----------
    text : str
        Any text.
    width : int
        The most characters that the result may have, at least one.

    Returns
    -------
    str
        The text itself where it fits; otherwise its beginning and a full stop, never longer than ``width`` characters.

    Raises
    ------
    ValueError
        If ``width`` is below one.
    """
    if width < 1:
        raise ValueError("a full stop needs one character")
    if len(text) <= width:
        return text
    return text[: width - 1] + "."


def initials(name: str) -> str:
    """The first letters of the words of a name, in upper case.

    >>> initials("grace brewster hopper")
    'GBH'
    >>> initials("")
    ''
    """
    return ".".join(word[0].upper() for word in name.split())


def monogram(name: str) -> str:
    """The first letters of the first and the last word of a name, in upper case.

    >>> monogram("grace brewster hopper")
    'GH'
    >>> monogram("plato")
    'P'
    >>> monogram("")
    ''
    """
    words = name.split()
    if len(words) < 2:
        return "".join(word[0].upper() for word in words)
    return words[0][0].upper() + words[-1][0].upper()
