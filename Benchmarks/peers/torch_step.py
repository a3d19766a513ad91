"""A training step in PyTorch on the CPU; a line a step, and one of JSON at the end.

  python torch_step.py gpt-tiny|gpt2-124m|llama-tiny [--compile] [--precision fp32|bf16|fp16] [--steps 9]
                       [--threads 2] [--batch N] [--context N] [--width N] [--tokens PATH] [--memory]

The jobs are those of `deepep benchmark`, defined to the last number. A GPT:
  x = tok[ids] + pos;  layers times: x += proj(attention(ln1 x)); x += out(gelu(fc(ln2 x)))
  logits = ln(x) tok^T. Pre-LayerNorm (eps 1e-5), biases in all linear layers of the blocks, GELU in its
  tanh form, the head tied to the token table and without bias, no dropout; causal attention.
A Llama, as Hugging Face computes it:
  x = tok[ids];  layers times: x += o(attention(norm1 x)); x += down(silu(gate(norm2 x)) * up(norm2 x))
  logits = head(norm x). RMSNorm (eps 1e-5), no biases, queries and keys turned by rotary positions (base
  10,000, halves of a head paired), a head of keys and values for each group of queries; causal attention.
Start: weights uniform of deviation 0.02, biases 0, norms 1 and 0. Streams of `portable.py`: 1 tok, 2 pos or
  head, then for each block qkv, proj, fc, out, or q, k, v, o, gate, up, down, as matrices (out, in).
Data: one batch of ids (batch, context + 1) of stream 1000, or those of a file of int32 tokens, one batch a
  step; the loss is the mean cross entropy.
AdamW: rate 3e-4, betas 0.9 and 0.999, eps 1e-8, decoupled decay 0.1 on every parameter, no clipping.
bf16 and fp16 are autocast: weights, norms, loss and optimiser stay float32; fp16 scales the loss.
"""

import argparse
import itertools

import measure
import numpy as np
import portable
import torch
from gpt_model import GPT
from llama_model import Llama
from sizes import SIZES, LlamaSizes

NARROW = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=NARROW, default="fp32")
    parser.add_argument("--steps", type=int, default=9, help="0 imports everything and stops")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", help="a file of int32 tokens, context + 1 for each sequence of each batch")
    parser.add_argument("--memory", action="store_true", help="one more step, to measure its memory")
    for size in ("batch", "context", "width"):
        parser.add_argument(f"--{size}", type=int)
    return parser.parse_args()


def batches_of(sizes, path):
    """Token identifiers, and those that follow them, for ever."""
    shape = (-1, sizes.batch, sizes.context + 1)
    ids = np.fromfile(path, "<i4").astype(np.int64) if path else portable.integers(1000, shape[1:], sizes.vocabulary)
    ids = torch.from_numpy(ids.reshape(shape))
    return itertools.cycle([(batch[:, :-1].contiguous(), batch[:, 1:].contiguous()) for batch in ids])


def training_of(sizes, options):
    """What makes a step and returns its loss, and what drops its gradients."""
    model = Llama(sizes) if isinstance(sizes, LlamaSizes) else GPT(sizes)
    batches = batches_of(sizes, options.tokens)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, fused=True
    )
    scaler = torch.amp.GradScaler("cpu", enabled=options.precision == "fp16")
    loss_of = torch.compile(model) if options.compile else model

    def release():
        optimizer.zero_grad(set_to_none=True)

    def step():
        release()
        with torch.autocast("cpu", NARROW[options.precision], enabled=options.precision != "fp32"):
            loss = loss_of(*next(batches))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.detach()

    return step, release


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    known = {"name": options.name, "version": torch.__version__, "threads": torch.get_num_threads()}
    if options.steps > 0:
        sizes = SIZES[options.name].resized(options.batch, options.context, options.width)
        step, release = training_of(sizes, options)
        known["step_seconds"], known["losses"] = measure.timed_steps(step, options.steps)
        if options.memory:
            known["step_memory_bytes"] = measure.step_memory_bytes(step, release)
    measure.report(**known)


if __name__ == "__main__":
    main()
