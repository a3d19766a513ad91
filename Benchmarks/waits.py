"""What a rank takes of its processor while it waits for another one; see README.md beside this file."""

import statistics

import machine
from printed_report import report_of

RANKS = 2
TIME_LIMIT_SECONDS = 60
# Of a processor, in a second.
BAR_SECONDS = 0.05


def contestants(program, has_mpi):
    """The words and variables of each transport; those that the bar is for first."""
    job = [str(program), "benchmark", "wait", "--json", "--communication"]
    launch = [str(program), "launch", "-n", str(RANKS), "--", *job[1:]]
    found = {
        "tcp": (launch + ["tcp"], {}),
        "ucx": (launch + ["ucx"], {}),
        "ucx, UCX_TLS=tcp": (launch + ["ucx"], {"UCX_TLS": "tcp,self"}),
    }
    if has_mpi:
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        mpirun = ["mpirun", "--oversubscribe", "-n", str(RANKS), *job]
        found["mpi"] = (mpirun + ["mpi"], root)
    return found


def figures(name, reports):
    """The median of some runs, and the bar where there is one: nothing wakes a rank that waits for MPI."""
    found = {
        "communication": name, "ranks": RANKS,
        "seconds": statistics.median(one["seconds"] for one in reports),
        "processor_seconds": statistics.median(one["processor_seconds"] for one in reports),
    }
    if not name.startswith("mpi"):
        limit = BAR_SECONDS * found["seconds"]
        found["bar"] = {
            f"{name}: under 50 ms of a processor a second: {found['processor_seconds'] * 1e3:.1f} ms":
                found["processor_seconds"] < limit}
    return found


def measure(program, has_mpi, rounds):
    """The figures of each transport, a round of all after another."""
    reports = {}
    for _ in range(rounds):
        for name, (words, variables) in contestants(program, has_mpi).items():
            if report := report_of(name, words, variables, TIME_LIMIT_SECONDS):
                reports.setdefault(name, []).append(report)
    found = [figures(name, some) for name, some in reports.items()]
    for one in found:
        print(f"waiting {one['seconds']:.2f} s over {one['communication']}: "
              f"{one['processor_seconds'] * 1e3:.1f} ms of a processor", flush=True)
    return {"processor": machine.processor_name(), "cases": found}
