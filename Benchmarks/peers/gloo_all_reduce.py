"""An all-reduce of float32 over gloo, timed as `deepep benchmark all-reduce` times its own.

  gloo_all_reduce.py RANKS BYTES                             all ranks, on this host
  gloo_all_reduce.py RANKS BYTES RANK PORT [ADDRESS ROUNDS]  one of them; rank 0 is at the address
"""

import json
import os
import socket
import subprocess
import sys
import time


def run(rank, ranks, count, port, address="127.0.0.1", rounds=None):
    import torch
    import torch.distributed as distributed

    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"tcp://{address}:{port}", rank=rank, world_size=ranks
    )
    values = torch.zeros(count // 4)
    rounds = rounds or (9 if count > 8 << 20 else 30)
    repeats = min(20, max(1, (16 << 20) // count))
    times = []
    for turn in range(-2, rounds):
        distributed.barrier()
        start = time.perf_counter()
        for _ in range(repeats):
            distributed.all_reduce(values)
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
    ranks, count = int(sys.argv[1]), int(sys.argv[2])
    if len(sys.argv) > 3:
        rest = [sys.argv[5], int(sys.argv[6])] if len(sys.argv) > 6 else []
        return run(int(sys.argv[3]), ranks, count, int(sys.argv[4]), *rest)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, os.path.abspath(__file__), str(ranks), str(count)]
    children = [subprocess.Popen([*words, str(rank), str(port)]) for rank in range(ranks)]
    return max(child.wait() for child in children)


if __name__ == "__main__":
    sys.exit(main())
