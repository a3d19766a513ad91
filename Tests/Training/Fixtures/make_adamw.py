"""Writes adamw.txt: five steps of PyTorch's AdamW with clipping on a linear classifier.

The model is logits = x W^T + b with W [3, 4]; loss = mean cross entropy over six rows. Numbers are
the float32 values of sin(1), sin(2), ... so that they are the same everywhere.
"""
import math
import pathlib

import torch

x = torch.tensor([math.sin(i + 1) for i in range(24)]).reshape(6, 4)
w = torch.tensor([math.cos(i + 1) for i in range(12)]).reshape(3, 4).requires_grad_()
b = torch.zeros(3, requires_grad=True)
y = torch.tensor([0, 1, 2, 2, 1, 0])
optimizer = torch.optim.AdamW([w, b], lr=0.05, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
lines = []
for _ in range(5):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(x @ w.T + b, y)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_([w, b], 0.2)
    optimizer.step()
    lines.append(f"{loss.item():.9g} {norm.item():.9g}")
lines.append(" ".join(f"{v:.9g}" for v in w.detach().flatten().tolist()))
lines.append(" ".join(f"{v:.9g}" for v in b.detach().tolist()))
pathlib.Path(__file__).with_name("adamw.txt").write_text("\n".join(lines) + "\n")
