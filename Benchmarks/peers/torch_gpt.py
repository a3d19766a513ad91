"""A GPT training step in PyTorch on the CPU; a line a step, and one of JSON at the end.

  python torch_gpt.py gpt-tiny|gpt2-124m [--compile] [--precision fp32|bf16] [--steps 9] [--threads 2]
                      [--batch N] [--context N] [--width N] [--memory]

The job is that of `deepep benchmark`, defined to the last number:
  x = tok[ids] + pos;  layers times: x += proj(attention(ln1 x)); x += out(gelu(fc(ln2 x)))
  logits = ln(x) tok^T. Pre-LayerNorm (eps 1e-5), biases in all linear layers of the blocks, GELU in its
  tanh form, the head tied to the token table and without bias, no dropout; causal attention.
Start: weights uniform of deviation 0.02, biases 0, LayerNorm 1 and 0. Streams of `portable.py`: 1 tok,
  2 pos, then for each block qkv, proj, fc, out, as matrices (out, in).
Data: one batch of ids (batch, context + 1) of stream 1000; the loss is the mean cross entropy.
AdamW: rate 3e-4, betas 0.9 and 0.999, eps 1e-8, decoupled decay 0.1 on every parameter, no clipping.
bf16 is autocast: weights, norms, loss and optimiser stay float32.
"""

import argparse

import measure
import portable
import torch
from gpt_model import GPT
from sizes import SIZES


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--steps", type=int, default=9, help="0 imports everything and stops")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="one more step, to measure its memory")
    for size in ("batch", "context", "width"):
        parser.add_argument(f"--{size}", type=int)
    return parser.parse_args()


def batch_of(sizes):
    """Token identifiers, and those that follow them."""
    ids = portable.integers(1000, (sizes.batch, sizes.context + 1), sizes.vocabulary)
    ids = torch.from_numpy(ids)
    return ids[:, :-1].contiguous(), ids[:, 1:].contiguous()


def training_of(sizes, options):
    """What makes a step and returns its loss, and what drops its gradients."""
    model = GPT(sizes)
    inputs, targets = batch_of(sizes)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1, fused=True
    )
    loss_of = torch.compile(model) if options.compile else model

    def release():
        optimizer.zero_grad(set_to_none=True)

    def step():
        release()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            loss = loss_of(inputs, targets)
        loss.backward()
        optimizer.step()
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
