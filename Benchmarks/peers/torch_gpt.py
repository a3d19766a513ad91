"""A GPT training step in PyTorch eager on the CPU, in float32; ends with one line of JSON.

  python torch_gpt.py gpt-tiny|gpt2-124m [--threads 2] [--steps 9]

The job is that of `deepep benchmark`, defined to the last number:
  x = tok[ids] + pos;  layers times: x += proj(attention(ln1 x)); x += out(gelu(fc(ln2 x)))
  logits = ln(x) tok^T. Pre-LayerNorm (eps 1e-5), biases in all linear layers of the blocks, GELU in its
  tanh form, the head tied to the token table and without bias, no dropout; causal attention.
Start: weights uniform of deviation 0.02, biases 0, LayerNorm 1 and 0. Streams of `portable.py`: 1 tok,
  2 pos, then for each block qkv, proj, fc, out, as matrices (out, in).
Data: one batch of ids (batch, context + 1) of stream 1000; the loss is the mean cross entropy.
AdamW: rate 3e-4, betas 0.9 and 0.999, eps 1e-8, decoupled decay 0.1 on every parameter, no clipping.
"""

import argparse
import math
import os
import time

import measure
import portable

SIZES = {  # layers, width, heads, context, batch, vocabulary
    "gpt-tiny": (6, 384, 6, 256, 16, 65),
    "gpt2-124m": (12, 768, 12, 256, 4, 50257),
}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=9)
    return parser.parse_args()


OPTIONS = arguments()
os.environ["OMP_NUM_THREADS"] = str(OPTIONS.threads)  # read when torch is imported

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402


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
    def __init__(self, layers, width, heads, context, vocabulary):
        super().__init__()
        self.tok = nn.Embedding(vocabulary, width)
        self.pos = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln = nn.LayerNorm(width)
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
        x = self.tok(ids) + self.pos.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln(x), self.tok.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def flops_of_step(model, tokens, layers, width, context):
    """6 for each weight and token (the head counts, the positions do not), and attention in full, not
    halved for the mask."""
    weights = sum(p.numel() for p in model.parameters()) - context * width
    return tokens * (6 * weights + 12 * layers * width * context)


def matrix_probe(size=1024, count=6):
    """The fastest of some products of square matrices, in GFLOP/s: PyTorch has no loop in registers."""
    x, best = torch.ones(size, size), math.inf
    for _ in range(count):
        start = time.perf_counter()
        torch.mm(x, x)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def step_of(model, batch, context, vocabulary):
    ids = torch.from_numpy(portable.integers(1000, (batch, context + 1), vocabulary))
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, fused=True
    )

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = model(inputs, targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def main():
    torch.set_num_threads(OPTIONS.threads)
    layers, width, heads, context, batch, vocabulary = SIZES[OPTIONS.name]
    before = matrix_probe()
    model = GPT(layers, width, heads, context, vocabulary)
    step = step_of(model, batch, context, vocabulary)
    measure.report(
        name=OPTIONS.name,
        framework=f"PyTorch {torch.__version__}",
        precision="fp32",
        threads=torch.get_num_threads(),
        steps=measure.timed_steps(step, OPTIONS.steps),
        items=batch * context,
        flops=flops_of_step(model, batch * context, layers, width, context),
        probe_gflops=[before, matrix_probe()],
    )


if __name__ == "__main__":
    main()
