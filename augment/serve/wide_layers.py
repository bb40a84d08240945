"""Weights of 16 bits on a processor that computes in 32: widened when they are used.

Without AVX-512 torch multiplies numbers of 16 bits five times as slowly as those of 32 (measured: 256 rows by a matrix
of 1536 x 8960 in 1.4 s instead of 0.27 s), and weights kept in 32 bits take twice the memory. Only a single row is as
fast either way, as reading the weights is all that it costs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_FEW_ROWS = 2
PIECE_ROWS = 16384
"""Rows of weights that are widened at once: those of a vocabulary all together would take a gigabyte."""


class WideLinear(nn.Module):  # type: ignore[misc]
    """A linear layer over weights of 16 bits, with numbers of 32 going in and out."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias = layer.bias

    def forward(self, given: Any) -> Any:
        """``given`` times the weights."""
        if given.numel() // given.shape[-1] <= _FEW_ROWS:
            product = nn.functional.linear(given.to(self.weight.dtype), self.weight).float()
        else:
            pieces = [nn.functional.linear(given.float(), piece.float()) for piece in self.weight.split(PIECE_ROWS)]
            product = torch.cat(pieces, dim=-1) if len(pieces) > 1 else pieces[0]
        return product if self.bias is None else product + self.bias.float()


class WideEmbedding(nn.Module):  # type: ignore[misc]
    """An embedding over weights of 16 bits that gives numbers of 32."""

    def __init__(self, layer: nn.Embedding) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, tokens: Any) -> Any:
        """The vectors of ``tokens``."""
        return self._layer(tokens).float()


def computes_in_16_bits() -> bool:
    """Whether this processor multiplies bfloat16 without a detour."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def widen(model: nn.Module) -> None:
    """Have ``model`` compute in 32 bits, with its large matrices left in 16."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, WideLinear(child))
            elif type(child) is nn.Embedding:
                setattr(parent, name, WideEmbedding(child))
        if type(parent) not in (nn.Linear, nn.Embedding):
            for value in parent.parameters(recurse=False):
                value.data = value.data.float()
