"""Names of tests that say what is stated: the call, what came of it, and with what."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from augment.exploring import Leaf, Sight
from augment.generation.search.values import label_of
from augment.generation.syntax import FunctionNode, dotted, own_statements

_MOST = 80


def name_for(function: FunctionNode, call_name: str, sight: Sight, leaves: Sequence[Leaf]) -> str:
    """The name of a test of ``call_name`` (``Cart.total``) that states ``leaves``."""
    called = call_name.replace(".", "_").strip("_")
    what = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", called).lower()
    outcome = _outcome(sight, leaves)
    label = _label(function, call_name.rpartition(".")[2])
    joint = "for" if outcome else "with"
    text = "_".join(part for part in ("test", what, outcome, f"{joint}_{label}" if label else "") if part)
    return re.sub(r"\W+|_+", "_", text)[:_MOST].rstrip("_")


def _outcome(sight: Sight, leaves: Sequence[Leaf]) -> str:
    if sight.raised is not None:
        kind = sight.raised.type.rsplit(".", 1)[-1]
        return "raises_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
    whole = [leaf for leaf in leaves if leaf.path == "{}"]
    if len(whole) != 1 or len(leaves) != 1:
        return ""
    value = ast.literal_eval(whole[0].text)
    if value is None or isinstance(value, bool):
        return f"is_{str(value).lower()}"
    return "is_empty" if value in ("", b"") or value in ([], {}, ()) else ""


def _label(function: FunctionNode, name: str) -> str:
    """A word or two for the arguments: those of the target's own call where there are any."""
    calls = [
        node
        for statement in own_statements(function.body)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    ]
    own = [call for call in calls if dotted(call.func).rpartition(".")[2] == name] or calls
    for call in own:
        arguments = [*call.args, *(word.value for word in call.keywords)]
        labels = [label for argument in arguments if (label := label_of(ast.unparse(argument)))]
        if labels:
            return "_and_".join(labels[:2])
    return ""
