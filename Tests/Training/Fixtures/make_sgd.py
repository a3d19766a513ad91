"""Writes sgd.txt: five steps of PyTorch's SGD in four settings on a linear classifier.

The model is that of make_adamw.py, in float64. One line for each setting and step: the loss; then one
line for the weights after the steps.
"""
import math
import pathlib

import torch

SETTINGS = [
    dict(momentum=0.0, weight_decay=0.1),
    dict(momentum=0.9),
    dict(momentum=0.9, dampening=0.3, weight_decay=0.05),
    dict(momentum=0.8, nesterov=True, weight_decay=0.05),
]
torch.set_default_dtype(torch.float64)
lines = []
for setting in SETTINGS:
    single = lambda numbers: torch.tensor(numbers, dtype=torch.float32).to(torch.float64)
    x = single([math.sin(i + 1) for i in range(24)]).reshape(6, 4)
    w = torch.zeros(3, 4, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    optimizer = torch.optim.SGD([w, b], lr=0.5, **setting)
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(x @ w.T + b, y)
        loss.backward()
        optimizer.step()
        lines.append(f"{loss.item():.17g}")
    lines.append(" ".join(f"{v:.17g}" for v in w.detach().flatten().tolist()))
pathlib.Path(__file__).with_name("sgd.txt").write_text("\n".join(lines) + "\n")
