"""From a model's scores to its next token: temperature, nucleus, penalty for repeating, and a seed of one's own."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from augment.seams import Sampling
from augment.serve.grammar import Grammar


class Sampler:
    """Picks the tokens of one answer. The same seed and the same scores give the same tokens, whoever is beside it."""

    def __init__(self, sampling: Sampling, prompt: Iterable[int], grammar: Grammar | None = None) -> None:
        import torch

        self.sampling = sampling
        self._grammar = grammar
        self._seen = set(prompt)
        self._generator = torch.Generator()
        self._generator.manual_seed(secrets.randbelow(2**31) if sampling.seed is None else sampling.seed)

    def pick(self, scores: Any) -> int:
        """The next token, by ``scores``: a float for each token of the vocabulary, -inf for what may not come."""
        import torch

        scores = self._penalised(scores)
        if self._grammar is not None:
            scores = self._grammar.allow(scores)
        if self.sampling.temperature <= 0:
            token = int(scores.argmax())
        else:
            chances = torch.softmax(scores / self.sampling.temperature, dim=-1)
            token = self._drawn(chances)
        self._seen.add(token)
        if self._grammar is not None:
            self._grammar.accept(token)
        return token

    def _penalised(self, scores: Any) -> Any:
        """Scores with those of tokens that occurred before made less likely, as CTRL (Keskar et al., 2019) does."""
        import torch

        penalty = self.sampling.repetition_penalty
        if penalty == 1.0:
            return scores
        at = torch.tensor(sorted(self._seen))
        known = scores[at]
        scores = scores.clone()
        scores[at] = torch.where(known > 0, known / penalty, known * penalty)
        return scores

    def _drawn(self, chances: Any) -> int:
        """A token by chance, of the fewest that have ``top_p`` of it together.

        Each token's luck is drawn by its place in the vocabulary, not by its rank: so scores that differ by a rounding,
        as they do in batches of other sizes, draw the same token.
        """
        import torch

        if self.sampling.top_p < 1.0:
            ordered, tokens = chances.sort(descending=True)
            beyond = ordered.cumsum(dim=-1) - ordered >= self.sampling.top_p
            chances[tokens[beyond]] = 0.0
        luck = torch.empty_like(chances).exponential_(generator=self._generator)
        return int((chances / luck).argmax())
