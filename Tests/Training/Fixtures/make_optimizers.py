"""Writes optimizers.txt: five steps of PyTorch's SGD, Adafactor and Muon, and of Lion, on a linear classifier.

The model is that of make_adamw.py, in float64. One line for each setting and step: the loss; then one line for the
weights after the steps. Muon of PyTorch rounds to bfloat16 inside; here it does not. Vectors beside Muon follow AdamW.
Lion, which PyTorch does not have, is Algorithm 2 of arXiv 2302.06675.
"""
import math
import pathlib

import torch


class Lion(torch.optim.Optimizer):
    def __init__(self, parameters, lr, beta1, beta2, decay):
        super().__init__(parameters, dict(lr=lr, beta1=beta1, beta2=beta2, decay=decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = group["beta1"] * m + (1 - group["beta1"]) * p.grad
                p -= group["lr"] * (torch.sign(c) + group["decay"] * p)
                m.copy_(group["beta2"] * m + (1 - group["beta2"]) * p.grad)


def adafactor(w, b, **settings):
    return [torch.optim.Adafactor([w, b], eps=(2.0**-23, 1e-3), **settings)]


def muon(w, b, **settings):
    return [torch.optim.Muon([w], **settings), torch.optim.AdamW([b], lr=0.02)]


def sgd(w, b, **settings):
    return [torch.optim.SGD([w, b], lr=0.5, **settings)]


SETTINGS = [
    lambda w, b: sgd(w, b, momentum=0.0, weight_decay=0.1),
    lambda w, b: sgd(w, b, momentum=0.9),
    lambda w, b: sgd(w, b, momentum=0.9, dampening=0.3, weight_decay=0.05),
    lambda w, b: sgd(w, b, momentum=0.8, nesterov=True, weight_decay=0.05),
    lambda w, b: [Lion([w, b], 0.05, 0.9, 0.99, 0.0)],
    lambda w, b: [Lion([w, b], 0.05, 0.8, 0.95, 0.3)],
    lambda w, b: adafactor(w, b, lr=0.5),
    lambda w, b: adafactor(w, b, lr=0.05, d=1.5, weight_decay=0.1),
    lambda w, b: muon(w, b, lr=0.05),
    lambda w, b: muon(
        w, b, lr=0.05, momentum=0.8, nesterov=False, weight_decay=0, adjust_lr_fn="match_rms_adamw"),
]
torch.Tensor.bfloat16 = torch.Tensor.clone
torch.set_default_dtype(torch.float64)
lines = []
for setting in SETTINGS:
    single = lambda numbers: torch.tensor(numbers, dtype=torch.float32).to(torch.float64)
    x = single([math.sin(i + 1) for i in range(24)]).reshape(6, 4)
    w = torch.zeros(3, 4, requires_grad=True)
    b = torch.zeros(3, requires_grad=True)
    y = torch.tensor([0, 1, 2, 2, 1, 0])
    optimizers = setting(w, b)
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(x @ w.T + b, y)
        w.grad = b.grad = None
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        lines.append(f"{loss.item():.17g}")
    lines.append(" ".join(f"{v:.17g}" for v in w.detach().flatten().tolist()))
pathlib.Path(__file__).with_name("optimizers.txt").write_text("\n".join(lines) + "\n")
