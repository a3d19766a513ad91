"""Writes batch_norm.txt: three steps of PyTorch's SGD on a classifier with batch norm.

In float64, first with the whole batch normalised at once, then with each half by itself, as two
data-parallel ranks would. One line for each step: the loss; then one line for each of the norm's scale,
its shift, its input's gain, and the layer's weights after the steps.
"""
import math
import pathlib

import torch

torch.set_default_dtype(torch.float64)
single = lambda numbers: torch.tensor(numbers, dtype=torch.float32).to(torch.float64)
lines = []
for groups in (1, 2):
    x = single([math.sin(i + 1) for i in range(48)]).reshape(8, 3, 2)
    y = torch.tensor([0, 1, 2, 3, 3, 1, 0, 2])
    gain = torch.ones(3, 2, requires_grad=True)
    norm = torch.nn.BatchNorm1d(3)
    weight = torch.zeros(4, 6, requires_grad=True)
    optimizer = torch.optim.SGD([gain, norm.weight, norm.bias, weight], lr=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        hidden = torch.cat([norm(part * gain) for part in x.chunk(groups)])
        loss = torch.nn.functional.cross_entropy(hidden.reshape(8, 6) @ weight.T, y)
        loss.backward()
        optimizer.step()
        lines.append(f"{loss.item():.17g}")
    for tensor in (norm.weight, norm.bias, gain, weight):
        lines.append(" ".join(f"{v:.17g}" for v in tensor.detach().flatten().tolist()))
pathlib.Path(__file__).with_name("batch_norm.txt").write_text("\n".join(lines) + "\n")
