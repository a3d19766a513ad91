"""Jobs of several ranks, of DeepEP and of PyTorch, started alike: a process for each rank, with torchrun's variables."""

import dataclasses
import pathlib
import secrets
import socket

from timed_process import timed_together

PEERS = pathlib.Path(__file__).with_name("peers")
METHODS = {"DDP": "ddp", "ZeroRedundancyOptimizer": "zero", "FSDP2": "fsdp"}
RANKS = 2


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    program: tuple  # what each process runs
    processes: int = RANKS
    is_job: bool = True  # or each process is a job of its own
    batches: int = 1  # that all processes together take in a step

    def run(self, steps, environment):
        """A run of each process, from outside."""
        commands = [[*self.program, f"--steps={steps}"]] * self.processes
        found = variables(self.processes) if self.is_job else [{}] * self.processes
        return timed_together(commands, [environment | one for one in found])


def variables(ranks, address="127.0.0.1", local_ranks=None):
    """What torchrun tells each rank, and the token without which DeepEP listens to no network."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    return [
        {
            "RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(local_ranks or ranks),
            "MASTER_ADDR": address, "MASTER_PORT": str(port), "DEEPEP_JOB_TOKEN": token,
        }
        for rank in range(ranks)
    ]


def benchmark(program, model, threads, *options):
    return (str(program), "benchmark", model, f"--threads={threads}", "--json", *options)


def one_rank(program, model, threads):
    return Contestant(f"one rank, {threads} threads", benchmark(program, model, threads), processes=1, is_job=False)


def ranks(program, model, strategy):
    return Contestant(strategy, benchmark(program, model, 1, f"--strategy={strategy}"))


def small(program, model, strategy):
    """A job with the layers of a model, but few numbers.

    There are enough of them for a rank to give back what lowering has used, as it does beside large plans.
    """
    sizes = ("--width=64", "--context=64", "--batch=128")
    return Contestant("small", benchmark(program, model, 1, f"--strategy={strategy}", *sizes))


def weak(program, model):
    """Each rank has its own whole batch."""
    return Contestant("data=2 --weak", benchmark(program, model, 1, "--strategy=data=2", "--weak"), batches=RANKS)


def side_by_side(program, model, *options):
    """Two jobs of one rank that know nothing of one another."""
    return Contestant("two jobs", benchmark(program, model, 1, *options), is_job=False, batches=RANKS)


def pytorch(python, model, name):
    words = (python, str(PEERS / "torch_ranks.py"), model, f"--method={METHODS[name]}", "--threads=1")
    return Contestant(name, words)
