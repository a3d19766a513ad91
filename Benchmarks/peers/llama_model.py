"""The Llama of the jobs in PyTorch; `torch_step.py` says what it is to the last number."""

import math

import portable
import torch
import torch.nn.functional as F
from torch import nn

BASE, EPSILON = 10000.0, 1e-5


def waves(head, context):
    """Cosine and sine of the rotary angles, (context, head), each twice: for both halves of a head."""
    frequencies = 1.0 / BASE ** (torch.arange(0, head, 2) / head)
    angles = torch.outer(torch.arange(context, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotated(x, cosine, sine):
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


class Attention(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.head = sizes.width // sizes.heads
        self.q = nn.Linear(sizes.width, sizes.heads * self.head, bias=False)
        self.k = nn.Linear(sizes.width, sizes.kv_heads * self.head, bias=False)
        self.v = nn.Linear(sizes.width, sizes.kv_heads * self.head, bias=False)
        self.o = nn.Linear(sizes.heads * self.head, sizes.width, bias=False)

    def forward(self, x, cosine, sine):
        batch, tokens, width = x.shape
        q, k, v = (z.view(batch, tokens, -1, self.head).transpose(1, 2) for z in (self.q(x), self.k(x), self.v(x)))
        q, k = rotated(q, cosine, sine), rotated(k, cosine, sine)
        y = F.scaled_dot_product_attention(q, k.to(v.dtype), v, is_causal=True, enable_gqa=True)
        return self.o(y.transpose(1, 2).reshape(batch, tokens, width))


class Network(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.gate = nn.Linear(sizes.width, sizes.hidden, bias=False)
        self.up = nn.Linear(sizes.width, sizes.hidden, bias=False)
        self.down = nn.Linear(sizes.hidden, sizes.width, bias=False)

    def forward(self, x):
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.norm1, self.attention = nn.RMSNorm(sizes.width, EPSILON), Attention(sizes)
        self.norm2, self.network = nn.RMSNorm(sizes.width, EPSILON), Network(sizes)

    def forward(self, x, cosine, sine):
        x = x + self.attention(self.norm1(x), cosine, sine)
        return x + self.network(self.norm2(x))


class Llama(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.tok = nn.Embedding(sizes.vocabulary, sizes.width)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.norm = nn.RMSNorm(sizes.width, EPSILON)
        self.head = nn.Linear(sizes.width, sizes.vocabulary, bias=False)
        cosine, sine = waves(sizes.width // sizes.heads, sizes.context)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)
        self.start()

    @torch.no_grad()
    def start(self):
        matrices = [self.tok.weight, self.head.weight]
        for block in self.blocks:
            a, n = block.attention, block.network
            matrices += [layer.weight for layer in (a.q, a.k, a.v, a.o, n.gate, n.up, n.down)]
        for stream, matrix in enumerate(matrices, start=1):
            matrix.copy_(torch.from_numpy(portable.weights(stream, matrix.shape, 0.02 * math.sqrt(3))))

    def forward(self, ids, targets):
        """The mean cross entropy, which is computed in float32."""
        tokens = ids.shape[1]
        cosine, sine = self.cosine[:tokens], self.sine[:tokens]
        x = self.tok(ids)
        for block in self.blocks:
            x = block(x, cosine, sine)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
