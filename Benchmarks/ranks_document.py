"""Writes docs/ranks.md from ranks.json; `make benchmark-ranks` does it at its end."""

import json
import pathlib
import sys

from communication_document import table
from contestants import ROOT

RESULTS = pathlib.Path(__file__).with_name("ranks.json")
DOCUMENT = ROOT / "docs/ranks.md"
MIB = 1 << 20


def spread(values, digits=2, factor=1):
    return " ".join([
        f"{values['median'] * factor:.{digits}f}",
        f"({values['min'] * factor:.{digits}f}–{values['max'] * factor:.{digits}f})",
    ])


def bars(part):
    """The bars of a part, a line each."""
    lines = [one for where in [part, *part.get("models", [])] for one in where.get("bars", [])]
    return "".join(f"- {'kept' if one['is_kept'] else '**missed**'}: {one['bar']}\n" for one in lines)


def conditions(part):
    return (
        f"Measured on {part['processor']}, {part['class']}, {part['cores']} cores, {part['date']}; medians "
        f"(least–most) of {part['rounds']} interleaved rounds."
    )


def rates(part):
    header = ["job", "tokens a second", "cores that others took at most"]
    rows = [
        [name, spread(one["tokens_per_second"], 0), f"{one['foreign_cores']:.2f}"]
        for name, one in part["contestants"].items()
    ]
    differences = [one.get("loss_difference") for one in part["contestants"].values()]
    if None not in differences:
        header.append("losses differ by")
        rows = [row + [f"{difference:.0e}"] for row, difference in zip(rows, differences)]
    return table(header, rows)


def speed(part):
    version = f" PyTorch {part['pytorch']} over gloo." if "pytorch" in part else " There was no PyTorch."
    return (
        f"## One batch, two ranks of a thread\n\n`gpt-tiny`, fp32. {conditions(part)}{version}\n\n{rates(part)}\n{bars(part)}"
    )


def weak(part):
    return (
        f"## A batch for each rank\n\nTwo ranks with a whole batch each, beside two jobs of one rank that run at the "
        f"same time. {conditions(part)}\n\n{rates(part)}\n{bars(part)}"
    )


def memory(part):
    rows = []
    for one in part["models"]:
        resident, planned = one["resident_bytes"], one["planned_bytes"]
        first = next(iter(resident))
        for name in resident:
            rows.append([
                one["model"], name, f"{planned[name] / MIB:.0f}", spread(resident[name], 0, 1 / MIB),
                f"{planned[name] / planned[first]:.3f}",
                f"{resident[name]['median'] / resident[first]['median']:.3f}",
            ])
    header = ["job", "strategy", "planned, MiB", "resident, MiB", "planned by data=2", "resident by data=2"]
    return (
        "## Memory of a rank\n\nThe most that was resident of the first of two ranks, beside the arenas of the plan; above a "
        "rank that trains a model with as many layers of width 64, less its own plan: code of libraries, the program, "
        "kernels, events. What both use of shared memory counts half for each. "
        f"{conditions(part)}\n\n{table(header, rows)}\n{bars(part)}"
    )


def overlap(part):
    if "skipped" in part:
        return f"## Communication behind compute\n\nNot measured: {part['skipped']}.\n"
    rows = [
        [text, spread(part[name], 3)]
        for text, name in [
            ("a step", "step_seconds"), ("a step without communication", "without_seconds"),
            ("backward in it", "backward_seconds"), ("the all-reduce of all gradients alone", "all_reduce_seconds"),
            ("hidden: 1 − (step − step without) / all-reduce", "hidden"),
        ]
    ]
    return (
        f"## Communication behind compute\n\nTwo hosts of one rank and a thread each, {part['megabits_per_second']:.0f} "
        f"Mbit/s, {part['delay_microseconds']} µs each way: the rate at which the all-reduce of {part['bytes']:,} bytes "
        f"takes as long as backward. {conditions(part)}\n\n{table(['', 'seconds, or a share'], rows)}\n{bars(part)}"
    )


SECTIONS = {"speed": speed, "weak": weak, "memory": memory, "overlap": overlap}


def document(record):
    sections = [write(record[name]) for name, write in SECTIONS.items() if name in record]
    return (
        "# Training on several ranks\n\nWritten by `make benchmark-ranks`; `Benchmarks/README.md` says how it is "
        "measured.\n\n" + "\n".join(sections)
    )


def main():
    DOCUMENT.write_text(document(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    sys.exit(main())
