"""Runs DeepEP and PyTorch eager side by side on the same jobs; see README.md beside this file.

  python3 Benchmarks/run.py [gpt-tiny gpt2-124m] [--rounds 5] [--steps N] [--threads 2]

Rounds are interleaved and the framework that goes first alternates, so that a machine that changes its
speed in between changes it for both. Without a PyTorch, only DeepEP is measured.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import comparison
from foreign_load import ForeignLoad

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
STEPS = {"gpt-tiny": 9, "gpt2-124m": 6}  # unless --steps says otherwise


def arguments():
    parser = argparse.ArgumentParser(description="DeepEP and PyTorch side by side")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"jobs: {', '.join(STEPS)}; all by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="steps of each run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--deepep", type=pathlib.Path, default=ROOT / ".build/release/deepep")
    parser.add_argument("--python", help="a Python that has torch; found by itself if not given")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "results.json")
    options = parser.parse_args()
    for name in options.names:
        if name not in STEPS:
            parser.error(f"unknown job '{name}': choose from {', '.join(STEPS)}")
    if min(options.threads, options.rounds, options.steps or 1) < 1:
        parser.error("threads, rounds and steps are at least 1")
    if not os.access(options.deepep, os.X_OK):
        parser.error(f"there is no program {options.deepep}: run make build")
    return options


def python_with_torch(given):
    """The first Python that can import torch; None if there is none."""
    candidates = [given] if given else [sys.executable, str(ROOT / ".deepep/torch/bin/python")]
    for python in candidates:
        try:
            found = subprocess.run([python, "-c", "import numpy, torch"], capture_output=True)
        except OSError:
            continue
        if found.returncode == 0:
            return python
    return None


def commands(options, python, name):
    """The command line of each framework."""
    rest = [name, "--threads", str(options.threads), "--steps", str(options.steps or STEPS[name])]
    all = {"deepep": [str(options.deepep), "benchmark", *rest, "--json"]}
    if python:
        all["pytorch"] = [python, str(HERE / "peers/torch_gpt.py"), *rest]
    return all


def measured(command):
    """Runs a framework; returns its line of JSON with the load of others at each step."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    load = ForeignLoad(process.pid)
    output, errors = process.communicate()
    load.stop()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{errors or output}")
    run = json.loads(output.splitlines()[-1])
    run["foreign_cores"] = load.of_steps(run["first_step_seconds"], run["step_seconds"])
    return run


def one_round(index, commands):
    order = list(commands) if index % 2 == 0 else list(reversed(commands))
    result = {}
    for framework in order:
        result[framework] = run = measured(commands[framework])
        loads = [load for load in run["foreign_cores"] if load is not None]
        print(
            f"  round {index + 1} {framework:8} {run['items_per_second']:.0f} items/s,"
            f" others took up to {max(loads, default=0):.2f} cores",
            flush=True,
        )
    return result


def main():
    options = arguments()
    python = python_with_torch(options.python)
    if not python:
        print("there is no Python with torch and numpy: only DeepEP is measured")
    results = {}
    for name in options.names or STEPS:
        print(f"{name}, {options.threads} threads", flush=True)
        lines = commands(options, python, name)
        rounds = [one_round(index, lines) for index in range(options.rounds)]
        results[name] = comparison.compared(rounds)
    processor = next(iter(results.values()))["rounds"][0]["deepep"]["processor"]
    record = {"processor": processor, "threads": options.threads, "jobs": results}
    options.out.write_text(json.dumps(record, indent=1) + "\n")
    print(f"\n{processor}, {options.threads} threads; median (min-max) over rounds")
    for name, result in results.items():
        print(comparison.text(name, result))
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
