"""A collective of float32 over gloo, timed as `deepep benchmark` times its own.

  gloo_collective.py NAME RANKS BYTES                             all ranks, on this host
  gloo_collective.py NAME RANKS BYTES RANK PORT [ADDRESS ROUNDS]  one of them; rank 0 is at the address
"""

import json
import os
import socket
import subprocess
import sys
import time


def collective(name, ranks, count):
    """A function that calls a collective of so many bytes in all."""
    import torch
    import torch.distributed as distributed

    whole, other = torch.zeros(count // 4 // ranks * ranks), torch.zeros(count // 4 // ranks * ranks)
    block = torch.zeros(len(whole) // ranks)
    return {
        "all-reduce": lambda: distributed.all_reduce(whole),
        "reduce-scatter": lambda: distributed.reduce_scatter_tensor(block, whole),
        "all-gather": lambda: distributed.all_gather_into_tensor(whole, block),
        "all-to-all": lambda: distributed.all_to_all_single(other, whole),
    }[name]


def run(name, rank, ranks, count, port, address="127.0.0.1", rounds=None):
    import torch
    import torch.distributed as distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"tcp://{address}:{port}", rank=rank, world_size=ranks
    )
    call = collective(name, ranks, count)
    rounds = rounds or (9 if count > 8 << 20 else 30)
    repeats = min(20, max(1, (16 << 20) // count))
    times = []
    for turn in range(-2, rounds):
        distributed.barrier()
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        own = torch.tensor([(time.perf_counter() - start) / repeats], dtype=torch.float64)
        distributed.all_reduce(own, op=distributed.ReduceOp.MAX)
        if turn >= 0:
            times.append(own.item())
    if rank == 0:
        times.sort()
        print(json.dumps({
            "seconds_median": times[len(times) // 2], "seconds_best": times[0],
            "version": f"PyTorch {torch.__version__}",
        }))
    distributed.destroy_process_group()


def main():
    name, ranks, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if len(sys.argv) > 4:
        rest = [sys.argv[6], int(sys.argv[7])] if len(sys.argv) > 7 else []
        return run(name, int(sys.argv[4]), ranks, count, int(sys.argv[5]), *rest)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, os.path.abspath(__file__), name, str(ranks), str(count)]
    children = [subprocess.Popen([*words, str(rank), str(port)]) for rank in range(ranks)]
    return max(child.wait() for child in children)


if __name__ == "__main__":
    sys.exit(main())
