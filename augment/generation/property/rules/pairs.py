"""Which names speak of opposite directions."""

from __future__ import annotations

import re

_OPPOSITES: tuple[tuple[str, str], ...] = (
    ("encode", "decode"), ("encoded", "decoded"), ("encoder", "decoder"), ("parse", "format"), ("parse", "render"),
    ("parse", "dump"), ("parse", "serialize"), ("parse", "stringify"), ("parse", "unparse"), ("parse", "build"),
    ("loads", "dumps"), ("load", "dump"), ("load", "save"), ("read", "write"), ("serialize", "deserialize"),
    ("serialise", "deserialise"), ("compress", "decompress"), ("compress", "uncompress"), ("compress", "expand"),
    ("pack", "unpack"), ("zip", "unzip"), ("gzip", "gunzip"), ("escape", "unescape"), ("quote", "unquote"),
    ("encrypt", "decrypt"), ("to", "from"), ("as", "from"), ("marshal", "unmarshal"), ("flatten", "unflatten"),
    ("flatten", "nest"), ("join", "split"), ("wrap", "unwrap"), ("camelize", "underscore"),
    ("camelize", "decamelize"), ("pluralize", "singularize"), ("plural", "singular"), ("hash", "unhash"),
    ("lower", "upper"), ("indent", "dedent"), ("inflate", "deflate"), ("freeze", "thaw"), ("freeze", "unfreeze"),
    ("structure", "unstructure"), ("rle", "unrle"), ("format", "unformat"), ("format", "read"),
    ("tokenize", "detokenize"), ("increment", "decrement"), ("add", "remove"), ("forward", "backward"),
    ("next", "prev"), ("mask", "unmask"), ("normalize", "denormalize"), ("hexlify", "unhexlify"),
    ("shift", "unshift"), ("push", "pop"), ("reserve", "release"), ("acquire", "release"), ("put", "get"),
    ("set", "get"), ("set", "unset"), ("append", "pop"), ("insert", "delete"), ("add", "discard"),
    ("enqueue", "dequeue"), ("start", "stop"), ("open", "close"), ("enable", "disable"), ("subscribe", "unsubscribe"),
    ("register", "deregister"), ("connect", "disconnect"), ("attach", "detach"), ("grow", "shrink"),
    ("deposit", "withdraw"), ("rows", "columns"),
)  # fmt: skip
_FILLERS = frozenset({"case", "string", "str", "text", "value"})
_DIRECTIONS = ("to", "2", "into", "as")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case.

    >>> words_of("toRoman"), words_of("camel_case_to_snake"), words_of("bytes2human")
    (('to', 'roman'), ('camel', 'case', 'to', 'snake'), ('bytes', '2', 'human'))
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=2[a-z])|(?<=[a-z]2)(?=[a-z])", "_", name)
    return tuple(word for word in split.lower().split("_") if word)


def are_opposite(name: str, other: str) -> bool:
    """Whether one name speaks of the way back from the other.

    >>> are_opposite("camel_case_to_snake", "snake_case_to_camel"), are_opposite("parse_price", "format_price")
    (True, True)
    """
    left, right = _plain(words_of(name)), _plain(words_of(other))
    return left != right and (right in _opposites(left) or left in _opposites(right))


def _plain(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in _FILLERS) or words


def _opposites(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for index, word in enumerate(words):
        before, after = words[:index], words[index + 1 :]
        for pair in _OPPOSITES:
            if word in pair:
                found |= {(*before, other, *after) for other in pair if other != word}
        found |= {(*before, f"{prefix}{word}", *after) for prefix in ("un", "de", "dis")}
        if word in _DIRECTIONS and before and after:
            found |= {(*after, word, *before), (*before, "from", *after)}
        if word in ("to", "as") and not before and len(after) == 1:
            found.add(("parse", *after))
    if len(words) == 1 and words[0] in ("dump", "dumps", "render", "format", "serialize", "unparse", "stringify"):
        found.add(("parse",))
    return found
