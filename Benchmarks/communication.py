"""Times DeepEP's collectives beside OpenMPI's and gloo's; see README.md beside this file.

  python3 Benchmarks/communication.py [--ranks 2 4] [--bytes 4096 1048576 67108864] [--rounds 3] [--dry-run]
      [--parts host links waits]
"""

import argparse
import dataclasses
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import communication_document
import links
import machine
import waits
from contestants import ROOT, add_program, check_program, python_with_torch
from printed_report import report_of

RESULTS = pathlib.Path(__file__).with_name("communication.json")
PEERS = pathlib.Path(__file__).with_name("peers")
COLLECTIVES = ("all-reduce", "reduce-scatter", "all-gather", "all-to-all")
PARTS = ["host", "links", "waits"]
TIME_LIMIT_SECONDS = 120


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    command: object  # of (collective, ranks, bytes): the words
    environment: dict = dataclasses.field(default_factory=dict)


def deepep(program):
    return Contestant("deepep", lambda collective, ranks, count: [
        str(program), "launch", "-n", str(ranks), "--",
        "benchmark", collective, "--bytes", str(count), "--json",
    ])


def open_mpi(folder):
    """OpenMPI with a program that is compiled here; None without it."""
    if not shutil.which("mpicc") or not shutil.which("mpirun"):
        return None
    program = folder / "mpi_collective"
    folder.mkdir(parents=True, exist_ok=True)
    source = PEERS / "mpi_collective.c"
    compiled = subprocess.run(
        ["mpicc", "-O2", "-o", str(program), str(source)], capture_output=True, text=True)
    if compiled.returncode != 0:
        print("OpenMPI is not measured: its program cannot be compiled (Debian: libopenmpi-dev)", flush=True)
        return None
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return Contestant("OpenMPI", lambda collective, ranks, count: [
        "mpirun", "--oversubscribe", "-n", str(ranks), str(program), collective, str(count),
    ], root)


def gloo():
    """PyTorch's gloo; None without a PyTorch."""
    python = python_with_torch()
    if not python:
        return None
    return Contestant("gloo", lambda collective, ranks, count: [
        python, str(PEERS / "gloo_collective.py"), collective, str(ranks), str(count),
    ])


def measured(contestant, collective, ranks, count):
    """What one run reports; None if it fails, with a line that says so."""
    words = contestant.command(collective, ranks, count)
    return report_of(contestant.name, words, contestant.environment, TIME_LIMIT_SECONDS)


def case(contestants, collective, ranks, count, rounds):
    """The reports of each contestant, a round of all after another; another one goes first each time."""
    reports = {one.name: [] for one in contestants}
    for turn in range(rounds):
        place = turn % len(contestants)
        for one in contestants[place:] + contestants[:place]:
            report = measured(one, collective, ranks, count)
            if report:
                reports[one.name].append(report)
    return {name: found for name, found in reports.items() if found}


def figures(reports):
    """Medians over the rounds, and DeepEP's time by the limit's and by the others', round by round."""
    found = {
        name: {"seconds": statistics.median(one["seconds_median"] for one in rounds),
               "seconds_best": min(one["seconds_best"] for one in rounds)}
        for name, rounds in reports.items()
    }
    own = reports.get("deepep", [])
    limits = [one["seconds_median"] / one["limit_seconds"] for one in own if one.get("limit_seconds")]
    if limits:
        found["deepep"]["by_limit"] = statistics.median(limits)
        found["deepep"]["bus_bytes_per_second"] = statistics.median(
            one["bus_bytes_per_second"] for one in own)
    for name, rounds in reports.items():
        ratios = [theirs["seconds_median"] / mine["seconds_median"] for mine, theirs in zip(own, rounds)]
        if name != "deepep" and ratios:
            found[name]["times_deepep"] = statistics.median(ratios)
            found[name]["version"] = rounds[0].get("version", "")
    return found


def bars(ranks, count, found, cores):
    """What the figures should be: the text of each bar with what was found, and whether it is kept."""
    own = found.get("deepep")
    if not own:
        return []
    checks = []

    def check(bar, value, is_kept):
        checks.append((f"{ranks} ranks, {communication_document.size(count)}: {bar}: {value}", is_kept))

    if count == 64 << 20 and "by_limit" in own:
        check("at most 0.9 of the time of scaling in place", f"{own['by_limit']:.2f}", own["by_limit"] <= 0.9)
    if count == 4096:
        limit = 1e-6 if ranks <= cores else 10e-6
        check(f"under {text(limit)}", text(own["seconds"]), own["seconds"] < limit)
    least = {64 << 20: 5, 1 << 20: 15}.get(count)
    for name, other in found.items():
        if least and "times_deepep" in other:
            times = other["times_deepep"]
            check(f"at least {least} times faster than {name}", f"{times:.1f}", times >= least)
    return checks


def text(seconds):
    return f"{seconds * 1e6:.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def print_case(collective, ranks, count, found, checks):
    print(f"{collective}, {ranks} ranks, {count} bytes")
    for name, one in found.items():
        more = f", {one['by_limit']:.2f} of the limit" if "by_limit" in one else ""
        more += f", {one['times_deepep']:.1f} times DeepEP's time" if "times_deepep" in one else ""
        print(f"  {name:8} {text(one['seconds']):>12}, best {text(one['seconds_best'])}{more}")
    for bar, is_kept in checks:
        print(f"  {'kept' if is_kept else 'MISSED'}: {bar}")
    sys.stdout.flush()


def arguments():
    parser = argparse.ArgumentParser(description="collectives of DeepEP beside OpenMPI and gloo")
    parser.add_argument("--ranks", nargs="+", type=int, default=[2, 4])
    parser.add_argument("--bytes", nargs="+", type=int, default=[4096, 1 << 20, 64 << 20])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    add_program(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and write no file")
    options = parser.parse_args()
    check_program(parser, options)
    if min(options.ranks + options.bytes + [options.rounds]) < 1:
        parser.error("ranks, bytes and rounds are at least 1")
    return options


def host_cases(options, peers):
    """All collectives on one host."""
    cases, contestants = [], [deepep(options.deepep), *peers]
    for collective in COLLECTIVES:
        for ranks in options.ranks:
            for count in options.bytes:
                found = figures(case(contestants, collective, ranks, count, options.rounds))
                checks = bars(ranks, count, found, os.cpu_count()) if collective == "all-reduce" else []
                print_case(collective, ranks, count, found, checks)
                cases.append({
                    "collective": collective, "ranks": ranks, "bytes": count, "figures": found,
                    "bars": {bar: is_kept for bar, is_kept in checks},
                })
    return cases


def main():
    options = arguments()
    peers = [peer for peer in (open_mpi(ROOT / ".deepep/mpi"), gloo()) if peer]
    # A part that is not measured keeps its figures.
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    if options.parts != ["waits"]:
        record |= {
            "date": today, "processor": machine.processor_name(), "cores": os.cpu_count(),
            "commit": machine.commit(ROOT), "rounds": options.rounds,
        }
    if "host" in options.parts:
        record["cases"] = host_cases(options, peers)
    if "links" in options.parts:
        program = ROOT / ".deepep/mpi/mpi_collective"
        record["links"] = links.measure(
            options.deepep, program if any(peer.name == "OpenMPI" for peer in peers) else None,
            options.bytes, options.rounds)
    if "waits" in options.parts:
        record["waits"] = {"date": today} | waits.measure(
            options.deepep, bool(shutil.which("mpirun")), options.rounds)
    if not options.dry_run:
        RESULTS.write_text(json.dumps(record, indent=1) + "\n")
        communication_document.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
