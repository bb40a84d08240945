"""Answers that follow a JSON schema, for engines that cannot do that themselves: by llguidance, where it is there."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Collection, Mapping
from typing import Any

PACKAGE = "llguidance"


class Grammar:
    """One answer's schema and how far the answer has followed it."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def allow(self, scores: Any) -> Any:
        """``scores`` with -inf for every token that the schema forbids here."""
        import torch

        allowed = torch.frombuffer(bytearray(self._matcher.compute_logit_bias()), dtype=torch.uint8)
        scores = scores.clone()
        scores[: len(allowed)][allowed == 0] = float("-inf")
        scores[len(allowed) :] = float("-inf")
        return scores

    def accept(self, token: int) -> None:
        """Go on behind ``token``."""
        self._matcher.consume_token(token)


class Grammars:
    """Makes grammars for one tokenizer. What that takes, about a second, is made with the first one."""

    def __init__(self, tokenizer: Any, vocabulary: int, ends: Collection[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = sorted(ends)
        self._words: Any = None

    def start(self, schema: Mapping[str, Any] | None) -> tuple[Grammar | None, str]:
        """A grammar, or none where there is no schema or no llguidance; and what is wrong with the schema, or ""."""
        if schema is None or importlib.util.find_spec(PACKAGE) is None:
            return None, ""
        import llguidance
        import llguidance.hf

        if self._words is None:
            self._words = llguidance.hf.from_tokenizer(self._tokenizer, self._vocabulary, self._ends)
        grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(dict(schema)))
        matcher = llguidance.LLMatcher(self._words, grammar, log_level=0)
        if matcher.is_error():
            said = " ".join(str(matcher.get_error()).split())[:300]
            return None, f"the JSON schema is not valid, or cannot be followed: {said}"
        return Grammar(matcher), ""
