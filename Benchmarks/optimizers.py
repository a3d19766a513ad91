"""How many steps Muon needs for the validation loss that AdamW reaches on the job of the README.

  python3 Benchmarks/optimizers.py [--text FILE] [--steps 3000] [--share 0.8] [--threads 2] [--dry-run]

Both are tuned alike: `deepep train` learns the text with the rate that it takes by itself and with others that are a
factor of two apart, until the best one's neighbours are both worse; all else is as it is by itself. AdamW makes all
steps, Muon a share of them; each with its cosine to the end. The best of each are compared.
"""

import argparse
import datetime
import json
import os
import re
import subprocess
import sys
import tempfile

import machine
import optimizers_document
from contestants import add_program, add_text, check_program, check_text

# What `deepep train` takes by itself.
LEARNING_RATES = {"adamw": 3e-3, "muon": 2e-2}
POINTS = 15
BAR = 0.8


def arguments():
    parser = argparse.ArgumentParser(description="Steps of Muon for the loss of AdamW.")
    add_text(parser)
    parser.add_argument("--steps", type=int, default=3000, help="of AdamW")
    parser.add_argument("--share", type=float, default=BAR, help="of these steps that Muon makes")
    parser.add_argument("--threads", type=int, default=2)
    add_program(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and write no file")
    options = parser.parse_args()
    if options.steps < POINTS or not 0 < options.share <= 1 or options.threads < 1:
        parser.error(f"there are at least {POINTS} steps and a thread, and the share is above 0 and at most 1")
    check_program(parser, options)
    check_text(parser, options)
    return options


def curve_in(output, steps):
    """The steps and validation losses that a run has printed, the last one at its end."""
    found = re.findall(r"^step (\d+)/\d+ .*\bvalidation ([\d.]+)", output, re.M)
    points = [(int(step), float(loss)) for step, loss in found]
    last = re.search(r"^validation loss ([\d.]+) on", output, re.M)
    if not last:
        raise ValueError(f"no validation loss in: {output[-500:]}")
    return [point for point in points if point[0] != steps] + [(steps, float(last.group(1)))]


def run(options, optimizer, rate, steps):
    """What a run reaches, and how."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            str(options.deepep), "train", str(options.text), "--optimizer", optimizer, "--learning-rate", str(rate),
            "--steps", str(steps), "--checkpoint-every", str(max(1, steps // POINTS)), "--keep", "1",
            "--threads", str(options.threads), "--sample", "0", "--out", os.path.join(folder, "run"),
        ]
        output = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    curve = curve_in(output, steps)
    print(f"{optimizer} {rate:g}: {curve[-1][1]:.4f} after {steps} steps", flush=True)
    return {"optimizer": optimizer, "learning_rate": rate, "steps": steps, "curve": curve}


def best(runs, optimizer):
    return min((one for one in runs if one["optimizer"] == optimizer), key=lambda one: one["curve"][-1][1])


def tuned(first, run_with):
    """Runs with a rate and factors of two of it, until the best one's neighbours are both there."""
    runs = {0: run_with(first)}
    while True:
        best_power = min(runs, key=lambda power: runs[power]["curve"][-1][1])
        missing = [power for power in (best_power - 1, best_power + 1) if power not in runs]
        if not missing:
            return [runs[power] for power in sorted(runs)]
        runs[missing[0]] = run_with(first * 2 ** missing[0])


def record_of(runs):
    """The runs, and whether Muon is there with fewer steps."""
    adamw, muon = best(runs, "adamw"), best(runs, "muon")
    share = muon["steps"] / adamw["steps"]
    return {
        "processor": machine.processor_name(), "class": machine.processor_class(),
        "date": datetime.date.today().isoformat(), "runs": runs, "share": share,
        "is_kept": muon["curve"][-1][1] <= adamw["curve"][-1][1] and share <= BAR,
    }


def main():
    options = arguments()
    steps = {"adamw": options.steps, "muon": round(options.steps * options.share)}
    runs = [
        one for name, rate in LEARNING_RATES.items() for one in tuned(rate, lambda rate: run(options, name, rate, steps[name]))
    ]
    record = record_of(runs)
    print(optimizers_document.verdict(record))
    if options.dry_run:
        return 0
    optimizers_document.RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    optimizers_document.write(record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
