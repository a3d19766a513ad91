"""Runs DeepEP and PyTorch side by side on the same jobs; see README.md beside this file.

  python3 Benchmarks/run.py [--models gpt-tiny ...] [--rounds 5] [--steps N] [--threads 2] [--precisions fp32 bf16]
"""

import argparse
import dataclasses
import datetime
import os
import sys

import figures
import machine
import records
import report
import rounds
import tables
from cases import CASES, NAMED, OTHER_SIZES
from contestants import (
    ROOT, add_program, available, check_program, deepep_command, precision_problem, python_with_torch,
)
from timed_process import RunError, timed

GROUPS = {"named": NAMED, "sizes": OTHER_SIZES, "all": NAMED + OTHER_SIZES}


def arguments():
    parser = argparse.ArgumentParser(description="DeepEP and PyTorch side by side")
    parser.add_argument(
        "--models", nargs="+", default=["all"], choices=[*CASES, *GROUPS], metavar="NAME",
        help=f"what to measure: {', '.join([*CASES, *GROUPS])}",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="the n of README.md; each case has its own")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--vectors", choices=[*machine.NARROW_VECTORS], help="hold all to narrower vectors")
    add_program(parser)
    parser.add_argument("--python", help="a Python that has torch; found by itself if not given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and write no file")
    options = parser.parse_args()
    if min(options.threads, options.rounds, options.steps or 1) < 1:
        parser.error("threads, rounds and steps are at least 1")
    check_program(parser, options)
    return options


def chosen_cases(options):
    names = [case.name for choice in options.models for case in GROUPS.get(choice, [CASES.get(choice)])]
    cases = [CASES[name] for name in dict.fromkeys(names)]
    if options.steps:
        cases = [dataclasses.replace(case, steps=options.steps) for case in cases]
    return cases


def idle_bytes(case, contestants, threads):
    """The memory of each framework's process that has opened its libraries and does nothing."""
    first = {contestant.framework: contestant for contestant in reversed(contestants)}
    return {name: timed(one.command(case, 0, threads)).peak_resident_bytes for name, one in first.items()}


def record_of(case, contestants, notes, command, options):
    print(f"{case.name}, {options.threads} threads", flush=True)
    contestants = [one for one in contestants if one.precision in case.precisions]
    idle = idle_bytes(case, contestants, options.threads)
    measurements, peaks = rounds.measured(case, contestants, options.rounds, options.threads, command)
    found = {
        one.contestant.name: figures.contestant_figures(one, peaks, idle[one.contestant.framework])
        for one in measurements
    }
    return {
        "case": case.name,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "processor": machine.processor_name(options.vectors),
        "class": machine.processor_class(options.vectors),
        "threads": options.threads,
        "rounds": options.rounds,
        "n": case.steps,
        "versions": versions(measurements),
        "notes": notes,
        "command": f'make benchmark ARGS="--models {case.name} --rounds {options.rounds} --steps {case.steps}'
        f'{f" --vectors {options.vectors}" if options.vectors else ""}"',
        "peak_gigaflops": figures.spread(peaks),
        "flops_per_step": case.sizes.flops(),
        "flops_per_step_causal": case.sizes.flops(causal=True),
        "contestants": found,
        "comparisons": figures.comparisons(found),
    }


def versions(measurements):
    found = {one.contestant.framework: one.version for one in measurements if one.version}
    found["deepep"] = machine.commit(ROOT)
    found["g++"] = machine.version_of("g++", "--version")
    found["python"] = sys.version.split()[0]
    return found


def main():
    options = arguments()
    python = python_with_torch(options.python)
    command = deepep_command(options.deepep, options.vectors)
    os.environ.update(machine.NARROW_VECTORS.get(options.vectors, {}))
    contestants, notes = available(command, python, options.precisions, options.vectors)
    cases = chosen_cases(options)
    for contestant in list(contestants):
        problem = precision_problem(contestant, cases[0])
        if problem:
            contestants.remove(contestant)
            notes.append(f"{contestant.name} was not measured: {problem}")
    for note in notes:
        print(note)
    try:
        for case in cases:
            finish(record_of(case, contestants, notes, command, options), options.dry_run)
    except RunError as error:
        sys.exit(str(error))


def finish(record, is_dry):
    """Prints a record and writes it at once: the next case may take an hour."""
    print(tables.text([record]))
    if not is_dry:
        records.add([record])
        report.write()


if __name__ == "__main__":
    main()
