"""A training step on several ranks in PyTorch over gloo; each writes a line a step, and one of JSON at the end.

  RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500 \\
    python torch_ranks.py gpt-tiny --method ddp|zero|fsdp [--steps 9] [--threads 1]

The job is that of `torch_step.py` in float32; each rank takes its part of the batch. The methods are
DistributedDataParallel, the same with ZeroRedundancyOptimizer, and FSDP2, which is `fully_shard` of each block and
of the model.
"""

import argparse

import measure
import torch
import torch.distributed as distributed
from gpt_model import GPT
from sizes import SIZES
from torch.distributed.fsdp import fully_shard
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.nn.parallel import DistributedDataParallel
from torch_step import batches_of

ADAMW = {"lr": 3e-4, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1, "fused": True}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=[name for name in SIZES if name.startswith("gpt")])
    parser.add_argument("--method", choices=METHODS, required=True)
    parser.add_argument("--steps", type=int, default=9, help="0 imports everything and stops")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def ddp(model):
    model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    return model, torch.optim.AdamW(model.parameters(), **ADAMW)


def zero(model):
    model = DistributedDataParallel(model, gradient_as_bucket_view=True)
    optimizer = ZeroRedundancyOptimizer(
        model.parameters(), optimizer_class=torch.optim.AdamW, parameters_as_bucket_view=True, **ADAMW
    )
    return model, optimizer


def fsdp(model):
    mesh = distributed.init_device_mesh("cpu", (distributed.get_world_size(),))
    for part in [*model.blocks, model]:
        fully_shard(part, mesh=mesh)
        part.set_force_sum_reduction_for_comms(True)  # gloo has no mean
    return model, torch.optim.AdamW(model.parameters(), **ADAMW)


METHODS = {"ddp": ddp, "zero": zero, "fsdp": fsdp}


def training_of(sizes, method):
    """What makes a step and returns this rank's loss."""
    rank, ranks = distributed.get_rank(), distributed.get_world_size()
    whole = next(batches_of(sizes, None))
    ids, targets = (part.chunk(ranks)[rank].contiguous() for part in whole)
    model, optimizer = METHODS[method](GPT(sizes))

    def step():
        optimizer.zero_grad(set_to_none=method == "fsdp")
        loss = model(ids, targets)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def mean_over_ranks(losses):
    """The losses of the whole batch, of which the ranks have equal parts."""
    mean = torch.tensor(losses, dtype=torch.float64)
    distributed.all_reduce(mean)
    return (mean / distributed.get_world_size()).tolist()


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    known = {"name": options.name, "version": torch.__version__, "threads": torch.get_num_threads()}
    distributed.init_process_group("gloo")
    if options.steps > 0:
        step = training_of(SIZES[options.name], options.method)
        known["step_seconds"], losses = measure.timed_steps(step, options.steps)
        known["losses"] = mean_over_ranks(losses)
    measure.report(**known)
    # Without it a rank sometimes waits for ever for one that has gone.
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
