"""Times training on several ranks beside one rank, jobs side by side, and PyTorch; see README.md beside this file.

  python3 Benchmarks/ranks.py [--parts speed weak memory overlap] [--rounds 5] [--steps 2] [--dry-run]
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import sys
import tempfile

import figures
import machine
import rank_contestants
import rank_overlap
import ranks_document
import records
from contestants import ROOT, add_program, check_program, python_with_torch
from rank_rounds import Speed, bar, measured
from timed_process import RunError

RESULTS = pathlib.Path(__file__).with_name("ranks.json")
MODEL = "gpt-tiny"
MEMORY_MODELS = ("gpt-tiny", "gpt2-124m")
STRATEGIES = ("data=2", "data=2,zero=1", "data=2,zero=2", "data=2,zero=3")
COMPARED = ("data=2", "data=2,zero=1", "data=2,zero=3")


def speed(options, environment):
    """One batch, by two ranks of a thread: DeepEP's strategies beside one rank of two threads and PyTorch."""
    ours = [rank_contestants.ranks(options.deepep, MODEL, strategy) for strategy in COMPARED]
    one = rank_contestants.one_rank(options.deepep, MODEL, threads=2)
    python = python_with_torch(options.python)
    peers = [rank_contestants.pytorch(python, MODEL, name) for name in rank_contestants.METHODS] if python else []
    timer = Speed(MODEL, options.steps, environment)
    rates = timer.rates([one, *ours, *peers], options.rounds)
    found = {"contestants": timer.figures(rates, reference=one.name), "tokens": timer.tokens}
    ratio = figures.ratios(rates["data=2"], rates[one.name])
    found["bars"] = [bar(f"data=2 by {one.name}", ratio, 0.95)]
    if peers:
        found["pytorch"] = timer.versions[peers[0].name]
        found["bars"] += peer_bars(rates, [peer.name for peer in peers])
    return found


def peer_bars(rates, peers):
    best = max(peers, key=lambda name: figures.spread(rates[name])["median"])
    return [
        bar(f"{name} by the fastest of PyTorch's, {best}", figures.ratios(rates[name], rates[best]), 1.15)
        for name in COMPARED
    ]


def weak(options, environment):
    """A whole batch for each rank, beside two jobs that need not wait for one another."""
    ranks = rank_contestants.weak(options.deepep, MODEL)
    jobs = rank_contestants.side_by_side(options.deepep, MODEL)
    timer = Speed(MODEL, options.steps, environment)
    rates = timer.rates([ranks, jobs], options.rounds)
    ratio = figures.ratios(rates[ranks.name], rates[jobs.name])
    return {
        "contestants": timer.figures(rates),
        "bars": [bar("weak scaling: data=2 by two jobs side by side", ratio, 0.97)],
    }


def memory(options, environment):
    """What a rank has resident above one of next to no bytes, beside what its plan says."""
    return {"models": [memory_of(model, options, environment) for model in MEMORY_MODELS]}


def memory_of(model, options, environment):
    small = rank_contestants.small(options.deepep, model, STRATEGIES[0])
    contestants = [rank_contestants.ranks(options.deepep, model, strategy) for strategy in STRATEGIES]
    planned = {}

    def resident_bytes(one):
        # What ranks share counts in parts, which only they know; the first one speaks for all.
        report = one.run(2, environment)[0].report
        planned[one.name] = report["plan_state_bytes"] + report["plan_value_bytes"]
        return report["peak_resident_bytes"]

    tasks = {one.name: functools.partial(resident_bytes, one) for one in (small, *contestants)}
    found = measured(tasks, options.rounds)
    # Code of libraries, programs and kernels, events: what a plan does not lay out.
    idle = figures.spread(found.pop(small.name))["median"] - planned.pop(small.name)
    resident = {name: figures.spread([bytes - idle for bytes in each]) for name, each in found.items()}
    return {
        "model": model, "idle_bytes": idle, "resident_bytes": resident, "planned_bytes": planned,
        "bars": [memory_bar(model, name, resident[name]["median"], planned[name]) for name in resident],
    }


def memory_bar(model, strategy, resident, planned):
    text = f"{model}, {strategy}: resident by planned within 5 %: {resident / planned:.3f}"
    return {"bar": text, "is_kept": abs(resident / planned - 1) <= 0.05}


def overlap(options, environment):
    """How much of the communication between two hosts a step does not show."""
    return rank_overlap.measure(options.deepep, MODEL, options.rounds, options.steps, environment)


PARTS = {"speed": speed, "weak": weak, "memory": memory, "overlap": overlap}


def arguments():
    parser = argparse.ArgumentParser(description="training on several ranks")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="the n of README.md")
    add_program(parser)
    parser.add_argument("--python", help="a Python that has torch; found by itself if not given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and write no file")
    options = parser.parse_args()
    check_program(parser, options)
    if min(options.rounds, options.steps) < 1:
        parser.error("rounds and steps are at least 1")
    return options


def described(part, options):
    """A part of the record with what it was measured on."""
    return part | {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "processor": machine.processor_name(), "class": machine.processor_class(), "cores": os.cpu_count(),
        "commit": machine.commit(ROOT), "rounds": options.rounds, "n": options.steps,
    }


def write(name, part):
    """At once, since the next part may take long; parts that are not measured keep their figures."""
    record = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    record[name] = records.rounded(part)
    RESULTS.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    ranks_document.main()


def main():
    options = arguments()
    for name in options.parts:
        print(f"{name}: {PARTS[name].__doc__}", flush=True)
        with tempfile.TemporaryDirectory() as caches:
            try:
                part = described(PARTS[name](options, {"XDG_CACHE_HOME": caches}), options)
            except RunError as error:
                sys.exit(str(error))
        print(ranks_document.bars(part), flush=True)
        if not options.dry_run:
            write(name, part)


if __name__ == "__main__":
    main()
