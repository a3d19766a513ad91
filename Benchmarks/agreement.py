"""Whether DeepEP learns what PyTorch learns, and whether narrow numbers learn what float32 does.

  python3 Benchmarks/agreement.py [--steps 200] [--batch 4] [--training-steps 1000] [--threads 2] [--dry-run]

First both frameworks train gpt-tiny in fp32 from the same weights on the same batches of a text, and the losses of
each step are compared. Then `deepep train` learns the text in each precision, and the final losses on held-out text
are compared. Without PyTorch the first part is left out. The status is 1 if something is further off than its bound.
"""

import argparse
import array
import collections
import dataclasses
import datetime
import random
import re
import subprocess
import sys
import tempfile

import figures
import machine
import records
import report
import tables
from cases import CASES
from contestants import (
    ROOT, add_program, add_text, check_program, check_text, deepep, deepep_command, python_with_torch, pytorch,
)
from timed_process import RunError, timed

FRAMEWORKS_BOUND, PRECISIONS_BOUND = 1e-3, 0.01
PRECISIONS = ("fp32", "bf16", "fp16")


def arguments():
    parser = argparse.ArgumentParser(description="Do DeepEP and PyTorch, and all precisions, learn alike?")
    add_text(parser)
    parser.add_argument("--steps", type=int, default=200, help="of both frameworks on gpt-tiny")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--training-steps", type=int, default=1000, help="of deepep train in each precision")
    parser.add_argument("--threads", type=int, default=2)
    add_program(parser)
    parser.add_argument("--python", help="a Python that has torch; found by itself if not given")
    parser.add_argument("--dry-run", action="store_true", help="print the figures, and write no file")
    options = parser.parse_args()
    if min(options.steps, options.batch, options.training_steps, options.threads) < 1:
        parser.error("steps, batch, training steps and threads are at least 1")
    check_program(parser, options)
    check_text(parser, options)
    return options


def tokens_of(text, vocabulary):
    """The most frequent characters by their rank, and one token for all others."""
    ranks = [character for character, _ in collections.Counter(text).most_common(vocabulary - 1)]
    known = {character: token for token, character in enumerate(ranks)}
    return [known.get(character, vocabulary - 1) for character in text]


def batches(tokens, sizes, steps):
    """Windows at random places: for each sequence of each batch its tokens and the one after them."""
    source, row = random.Random(1), sizes.context + 1
    starts = [int(source.random() * (len(tokens) - row + 1)) for _ in range(steps * sizes.batch)]
    return array.array("i", [token for start in starts for token in tokens[start : start + row]])


def losses_of(contestants, case, path, options):
    """The losses of each contestant by name, and the version of PyTorch."""
    found, version = {}, None
    for one in contestants:
        run = timed(one.command(case, options.steps, options.threads, f"--tokens={path}"))
        found[one.name] = run.report["losses"]
        version = run.report.get("version", version)
        print(f"{one.name:22} loss {found[one.name][0]:.4f} to {found[one.name][-1]:.4f}", flush=True)
    return found, version


def frameworks(python, options, common):
    """The record of the two frameworks."""
    case = CASES["gpt-tiny"]
    case = dataclasses.replace(case, changed=(("batch", options.batch),))
    text = options.text.read_text()
    contestants = [deepep(deepep_command(options.deepep), "fp32"), pytorch(python, "eager", "fp32")]
    with tempfile.NamedTemporaryFile() as file:
        data = batches(tokens_of(text, case.sizes.vocabulary), case.sizes, options.steps)
        if sys.byteorder == "big":
            data.byteswap()
        file.write(data.tobytes())
        file.flush()
        losses, version = losses_of(contestants, case, file.name, options)
    ours, theirs = losses.values()
    return {
        "kind": "frameworks",
        **common,
        "versions": {"pytorch": version, **common["versions"]},
        "case": case.name,
        "batch": options.batch,
        "steps": options.steps,
        "largest_difference": figures.loss_difference(ours, theirs),
        "bound": FRAMEWORKS_BOUND,
        "losses": losses,
    }


def output_of(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RunError(f"{' '.join(command)} ended with {run.returncode}:\n{run.stderr}")
    return run.stdout


def validation_loss(output):
    """What `deepep train` says at its end."""
    found = re.search(r"^validation loss ([0-9.]+)", output, re.MULTILINE)
    if not found:
        raise RunError(f"deepep train named no validation loss:\n{output}")
    return float(found.group(1))


def precisions(options, common):
    """The record of `deepep train` in each precision."""
    losses = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in PRECISIONS:
            command = [str(options.deepep), "train", str(options.text), f"--steps={options.training_steps}"]
            command += [f"--precision={precision}", f"--threads={options.threads}", "--sample=0"]
            losses[precision] = validation_loss(output_of(command + [f"--out={folder}/{precision}"]))
            print(f"deepep train {precision}     validation loss {losses[precision]:.4f}", flush=True)
    return {
        "kind": "precisions",
        **common,
        "steps": options.training_steps,
        "largest_difference": max(abs(loss / losses["fp32"] - 1) for loss in losses.values()),
        "bound": PRECISIONS_BOUND,
        "validation_losses": losses,
    }


def circumstances(options):
    """What is to be known before the first record changes the checkout."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "processor": machine.processor_name(),
        "class": machine.processor_class(),
        "threads": options.threads,
        "text": options.text.name,
        "versions": {"deepep": machine.commit(ROOT)},
        "command": "make agreement",
    }


def finish(record, is_dry):
    print(tables.agreement(record), flush=True)
    if not is_dry:
        records.add(agreements=[record])
        report.write()
    return record["largest_difference"] <= record["bound"]


def main():
    options = arguments()
    python, common = python_with_torch(options.python), circumstances(options)
    try:
        if python:
            is_alike = finish(frameworks(python, options, common), options.dry_run)
        else:
            is_alike = True
            print("the frameworks were not compared: there is no Python with torch and numpy")
        is_alike = finish(precisions(options, common), options.dry_run) and is_alike
    except RunError as error:
        sys.exit(str(error))
    if not is_alike:
        sys.exit("something is further off than its bound")


if __name__ == "__main__":
    main()
