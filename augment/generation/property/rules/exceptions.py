"""Nothing unforeseen: the declared type for every input, or an exception that belongs to the contract."""

from __future__ import annotations

from collections.abc import Iterator

from augment.generation.property.properties import DECLARED, RESTS_ON, Property, caught
from augment.generation.property.sentences import documented_errors, sentences_of
from augment.generation.property.subject import Subject


class Exceptions:
    """The result is of its type, and nothing is raised but what the source raises or the documentation names.

    Where the documentation names exceptions, any other rests on it; the type rests on an annotation.
    """

    name = "exceptions"

    def properties(self, subject: Subject) -> Iterator[Property]:
        """One, where the type of the result is known and can be asked for."""
        check = subject.result.check("result")
        if check is None:
            return
        text, line = check
        body = [f"result = {subject.call()}", f"assert {text}"]
        if subject.errors:
            body = ["try:", f"    {body[0]}", f"except {caught(subject)}:", "    return", body[1]]
        imports = frozenset({line}) if line else frozenset[str]()
        title = f"gives_{subject.result.kind.lower()}_for_every_input"
        yield Property(self.name, title, subject.inputs, tuple(body), imports, self._rests_on(subject))

    def _rests_on(self, subject: Subject) -> str:
        if not subject.typed:
            return ""
        named = documented_errors(subject.doc)
        if named:
            sentence = next((item for item in sentences_of(subject.doc) if named[0] in item), named[0])
            return f"{RESTS_ON}{sentence}"
        return f"{DECLARED}-> {subject.result.annotation}" if subject.result.declared else ""
