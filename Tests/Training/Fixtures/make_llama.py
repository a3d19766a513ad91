"""Writes llama.txt: the loss of a small Llama and its gradients, in PyTorch and float64.

The model is written out here as Hugging Face's LlamaForCausalLM computes it: norms by the root mean square,
rotary positions that pair element i of a head with element i + half ("rotate half"), grouped queries, a gated
network, no biases, a head of its own. Weight number i of tensor t (in the order of `parameters`) is
(word(t + 1, i) >> 40) 2^-24 - 0.5 of SplitMix64, as in Benchmarks/peers/portable.py.

One line has the loss; then one line for each tensor: its name and the gradient by it.
"""
import pathlib

import torch
import torch.nn.functional as F

VOCABULARY, WIDTH, LAYERS, HEADS, KEY_VALUE_HEADS, HIDDEN, BASE, EPSILON = 7, 16, 2, 4, 2, 12, 100.0, 1e-5
HEAD = WIDTH // HEADS
IDS = torch.tensor([[1, 4, 2, 6, 0], [3, 3, 0, 5, 2]])
TARGETS = torch.tensor([[4, 2, 6, 0, 5], [3, 0, 5, 2, 1]])
MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z):
    z &= MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def first_values(stream, shape):
    key = mix(stream * GOLDEN)
    count = torch.Size(shape).numel()
    numbers = [(mix(key + (i + 1) * GOLDEN) >> 40) * 2.0**-24 - 0.5 for i in range(count)]
    return torch.tensor(numbers, dtype=torch.float64).reshape(shape).requires_grad_()


def shapes():
    yield "model.embed_tokens.weight", (VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        yield at + "self_attn.q_proj.weight", (WIDTH, WIDTH)
        yield at + "self_attn.k_proj.weight", (KEY_VALUE_HEADS * HEAD, WIDTH)
        yield at + "self_attn.v_proj.weight", (KEY_VALUE_HEADS * HEAD, WIDTH)
        yield at + "self_attn.o_proj.weight", (WIDTH, WIDTH)
        yield at + "mlp.gate_proj.weight", (HIDDEN, WIDTH)
        yield at + "mlp.up_proj.weight", (HIDDEN, WIDTH)
        yield at + "mlp.down_proj.weight", (WIDTH, HIDDEN)
        yield at + "input_layernorm.weight", (WIDTH,)
        yield at + "post_attention_layernorm.weight", (WIDTH,)
    yield "model.norm.weight", (WIDTH,)
    yield "lm_head.weight", (VOCABULARY, WIDTH)


def rms_norm(x, weight):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPSILON))


def rotate_half(x):
    first, second = x[..., : HEAD // 2], x[..., HEAD // 2 :]
    return torch.cat((-second, first), dim=-1)


def rotary(x):
    """Of x [batch, heads, sequence, HEAD]."""
    frequencies = 1.0 / BASE ** (torch.arange(0, HEAD, 2, dtype=torch.float64) / HEAD)
    angles = torch.outer(torch.arange(x.shape[2], dtype=torch.float64), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return x * angles.cos() + rotate_half(x) * angles.sin()


def attention(x, w, at):
    batch, sequence, _ = x.shape
    heads = lambda name, count: (x @ w[at + name].T).view(batch, sequence, count, HEAD).transpose(1, 2)
    q, k = rotary(heads("q_proj.weight", HEADS)), rotary(heads("k_proj.weight", KEY_VALUE_HEADS))
    v = heads("v_proj.weight", KEY_VALUE_HEADS)
    k, v = (z.repeat_interleave(HEADS // KEY_VALUE_HEADS, dim=1) for z in (k, v))
    scores = q @ k.transpose(2, 3) / HEAD**0.5
    scores = scores.masked_fill(torch.ones(sequence, sequence).triu(1).bool(), float("-inf"))
    y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, sequence, WIDTH)
    return y @ w[at + "o_proj.weight"].T


def network(x, w, at):
    gated = F.silu(x @ w[at + "gate_proj.weight"].T) * (x @ w[at + "up_proj.weight"].T)
    return gated @ w[at + "down_proj.weight"].T


def loss_of(w):
    x = w["model.embed_tokens.weight"][IDS]
    for layer in range(LAYERS):
        at = f"model.layers.{layer}."
        x = x + attention(rms_norm(x, w[at + "input_layernorm.weight"]), w, at + "self_attn.")
        x = x + network(rms_norm(x, w[at + "post_attention_layernorm.weight"]), w, at + "mlp.")
    logits = rms_norm(x, w["model.norm.weight"]) @ w["lm_head.weight"].T
    return F.cross_entropy(logits.flatten(0, 1), TARGETS.flatten())


parameters = {name: first_values(index, shape) for index, (name, shape) in enumerate(shapes(), start=1)}
loss = loss_of(parameters)
loss.backward()
lines = [f"{loss.item():.17g}"]
for name, weight in parameters.items():
    lines.append(" ".join([name] + [f"{v:.12g}" for v in weight.grad.flatten().tolist()]))
pathlib.Path(__file__).with_name("llama.txt").write_text("\n".join(lines) + "\n")
