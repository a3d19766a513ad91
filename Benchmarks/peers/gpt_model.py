"""The GPT of the jobs in PyTorch; `torch_gpt.py` says what it is to the last number."""

import math

import portable
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.ln2 = nn.LayerNorm(width)
        self.fc = nn.Linear(width, 4 * width)
        self.out = nn.Linear(4 * width, width)

    def attention(self, x):
        batch, tokens, width = x.shape
        parts = self.qkv(x).split(width, dim=2)
        q, k, v = (z.view(batch, tokens, self.heads, -1).transpose(1, 2) for z in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        x = x + self.attention(self.ln1(x))
        return x + self.out(F.gelu(self.fc(self.ln2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.tok = nn.Embedding(sizes.vocabulary, sizes.width)
        self.pos = nn.Embedding(sizes.context, sizes.width)
        self.blocks = nn.ModuleList(Block(sizes.width, sizes.heads) for _ in range(sizes.layers))
        self.ln = nn.LayerNorm(sizes.width)
        self.start()

    @torch.no_grad()
    def start(self):
        linear = [m for b in self.blocks for m in (b.qkv, b.proj, b.fc, b.out)]
        matrices = [self.tok.weight, self.pos.weight] + [m.weight for m in linear]
        for stream, matrix in enumerate(matrices, start=1):
            matrix.copy_(torch.from_numpy(portable.weights(stream, matrix.shape, 0.02 * math.sqrt(3))))
        for layer in linear:
            layer.bias.zero_()

    def forward(self, ids, targets):
        """The mean cross entropy, which is computed in float32."""
        x = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln(x), self.tok.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
