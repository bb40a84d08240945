"""Words that a source looks things up by."""

from __future__ import annotations

import re

_KEYS = re.compile(r"(?:\[|\.get\(|\.pop\()\s*['\"](\w+)['\"]|['\"](\w+)['\"] (?:not )?in ")


def keys_in(source: str) -> list[str]:
    """The words by which a source looks things up in mappings, in order."""
    return list(dict.fromkeys(one or other for one, other in _KEYS.findall(source)))
