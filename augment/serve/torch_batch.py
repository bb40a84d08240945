"""Many chats in one pass through a torch model: rows of one attention cache, the shorter ones padded on their left.

A prompt is read alone, in pieces, and then joins the batch as a row; a row that is finished leaves it. What the cache
holds left of a row's beginning is masked out, and every row counts its positions from its own beginning.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

_REMEMBERED = 4
"""Prompts whose attention is kept for others that begin alike: prompts of one pass share their first half."""


class TorchModel:
    """A causal language model of transformers, asked for the scores of the next token only."""

    def __init__(self, model: Any, device: str) -> None:
        self._model = model
        self.device = device
        # Scores for every token of a prompt would take more memory than the model.
        forward = inspect.signature(model.forward).parameters
        self._options = {"logits_to_keep": 1} if "logits_to_keep" in forward else {}
        self._cache_name = "cache" if "cache" in forward else "past_key_values"  # renamed in 5.24

    def next_scores(self, tokens: Any, positions: Any, mask: Any, cache: Any) -> Any:
        """Scores of what follows the last of ``tokens``, a row each, as float32 on the CPU; ``cache`` grows."""
        import torch

        with torch.inference_mode():
            given = self._model(
                input_ids=tokens,
                position_ids=positions,
                attention_mask=mask,
                use_cache=True,
                **{self._cache_name: cache},
                **self._options,
            )
            return given.logits[:, -1].float().cpu()


class Reading:
    """A prompt that is being read."""

    def __init__(self, model: TorchModel, tokens: Sequence[int], memory: PromptMemory) -> None:
        self._model = model
        self._tokens = list(tokens)
        self.cache, self.read = memory.recall(self._tokens)

    def step(self, piece: int) -> Any | None:
        """Read ``piece`` tokens more; the scores of the first token of the answer once all are read."""
        import torch

        until = min(len(self._tokens), self.read + piece)
        device = self._model.device
        tokens = torch.tensor([self._tokens[self.read : until]], device=device)
        positions = torch.arange(self.read, until, device=device)[None]
        mask = torch.ones((1, until), dtype=torch.long, device=device)
        scores = self._model.next_scores(tokens, positions, mask, self.cache)
        self.read = until
        return scores[0] if until == len(self._tokens) else None


class PromptMemory:
    """The attention of the last few prompts, up to ``most_tokens`` of them together."""

    def __init__(self, most_tokens: int) -> None:
        self._most = most_tokens
        self._known: list[tuple[list[int], list[tuple[Any, Any]]]] = []

    @property
    def tokens(self) -> int:
        """How many tokens are kept."""
        return sum(len(tokens) for tokens, _ in self._known)

    def keep(self, tokens: Sequence[int], cache: Any) -> None:
        """Remember a prompt that was read to its end; the oldest are forgotten for it."""
        if len(tokens) > self._most:
            return
        self._known.append((list(tokens), [(layer.keys, layer.values) for layer in cache.layers]))
        while len(self._known) > _REMEMBERED or self.tokens > self._most:
            del self._known[0]

    def recall(self, tokens: Sequence[int]) -> tuple[Any, int]:
        """A cache with as much of ``tokens`` as was read before, and how much; the last one is always read anew."""
        from transformers import DynamicCache

        shared, layers = 0, []
        for known, kept in self._known:
            length = min(common_length(known, tokens), len(tokens) - 1)
            if length > shared:
                shared, layers = length, kept
        cache = DynamicCache()
        for at, (keys, values) in enumerate(layers):
            cache.update(keys[..., :shared, :], values[..., :shared, :], at)
        return cache, shared


def common_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many items two sequences have in common at their beginning."""
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


class Batch:
    """The chats that are being answered: a row each, in the order in which they joined."""

    def __init__(self, model: TorchModel) -> None:
        self._model = model
        self._cache: Any = None
        self._mask: Any = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return 0 if self._mask is None else int(self._mask.shape[0])

    def join(self, cache: Any) -> None:
        """Take the cache of a prompt that was read in as the last row."""
        import torch

        length = cache.get_seq_length()
        own = torch.ones((1, length), dtype=torch.long, device=self._model.device)
        if self._mask is None:
            self._cache, self._mask = cache, own
            return
        width = max(length, int(self._mask.shape[1]))
        self._mask = torch.cat([_padded(self._mask, width, 1), _padded(own, width, 1)])
        for layer, new in zip(self._cache.layers, cache.layers, strict=True):
            layer.keys = torch.cat([_padded(layer.keys, width, 2), _padded(new.keys, width, 2)])
            layer.values = torch.cat([_padded(layer.values, width, 2), _padded(new.values, width, 2)])

    def step(self, tokens: Sequence[int]) -> Any:
        """Append one token to each row; the scores of what follows, a row each."""
        import torch

        device = self._model.device
        positions = self._mask.sum(dim=1, keepdim=True)
        new = torch.ones((self.rows, 1), dtype=torch.long, device=device)
        self._mask = torch.cat([self._mask, new], dim=1)
        given = torch.tensor(tokens, device=device)[:, None]
        return self._model.next_scores(given, positions, self._mask, self._cache)

    def keep(self, rows: Sequence[int]) -> None:
        """Let all rows go but ``rows``, and the padding that none of these needs."""
        import torch

        if len(rows) == self.rows:
            return
        if not rows:
            self._cache = self._mask = None
            return
        index = torch.tensor(rows, device=self._model.device)
        mask = self._mask[index]
        lead = int(mask.shape[1]) - int(mask.sum(dim=1).max())
        self._mask = mask[:, lead:].contiguous()
        for layer in self._cache.layers:
            layer.keys = layer.keys[index, :, lead:].contiguous()
            layer.values = layer.values[index, :, lead:].contiguous()


def _padded(tensor: Any, width: int, dimension: int) -> Any:
    """``tensor`` with zeros before it, up to ``width`` along ``dimension``."""
    import torch

    missing = width - tensor.shape[dimension]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[dimension] = missing
    return torch.cat([torch.zeros(shape, dtype=tensor.dtype, device=tensor.device), tensor], dim=dimension)
