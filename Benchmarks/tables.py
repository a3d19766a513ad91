"""The tables of records, in Markdown for the documents and in text for the terminal."""

from peers.sizes import SIZES

MIB = 2**20


def rate(figures):
    return f"{figures['tokens_per_second']['median']:.0f}" if figures else "–"


def ratio(spread, digits=2):
    return f"{spread['median']:.{digits}f} ({spread['min']:.{digits}f}–{spread['max']:.{digits}f})"


def compared(record, of, to):
    """The comparison of two contestants; None if one was not measured."""
    return next((c for c in record["comparisons"] if (c["of"], c["to"]) == (of, to)), None)


def better_mode(record, precision):
    """The comparison with the faster of PyTorch's modes in a precision."""
    found = [
        compared(record, f"deepep {precision}", f"pytorch {mode} {precision}") for mode in ("eager", "compile")
    ]
    return min((c for c in found if c), key=lambda c: c["speed"]["median"], default=None)


def is_named(record):
    return record["case"].startswith("gpt")


def precisions(record):
    return [name.split()[-1] for name in record["contestants"] if name.startswith("deepep")]


def label(record):
    return f"`{record['case']}`" if record["case"] in SIZES else record["case"].replace("-", " ")


def speed_rows(record):
    """For each precision: tokens a second, the ratio to the better of PyTorch's modes, the share of the peak."""
    for precision in precisions(record):
        figures = record["contestants"]
        others = [figures.get(f"pytorch {mode} {precision}") for mode in ("eager", "compile")]
        best = better_mode(record, precision)
        ours = figures[f"deepep {precision}"]
        speed = ratio(best["speed"]) if best else "–"
        yield [label(record), precision, rate(ours), *map(rate, others), speed, share_of_peak(ours)]


def share_of_peak(figures):
    return f"{figures['peak_fraction']['median']:.2f}" if figures["peak_fraction"] else "–"


def memory_rows(record):
    """Step memory, resident memory and launch, beside PyTorch eager."""
    for precision in precisions(record):
        figures = record["contestants"]
        ours, theirs = figures[f"deepep {precision}"], figures.get(f"pytorch eager {precision}")
        if not theirs:
            continue
        memory = compared(record, f"deepep {precision}", f"pytorch eager {precision}")
        launch = [figure["launch_seconds"]["median"] for figure in (ours, theirs)]
        touch = ours["first_touch_seconds"]["median"]
        yield [
            label(record),
            precision,
            f"{bytes_of(ours)} of {bytes_of(theirs)} MiB: {memory['step_memory']:.2f}",
            f"{resident(ours)} of {resident(theirs)} MiB: {memory['resident']['median']:.2f}",
            f"{ours['launch_cold_seconds']:.1f} cold, {launch[0]:.1f} warm (finding memory {touch:.1f}), PyTorch {launch[1]:.1f}",
        ]


def bytes_of(figures):
    return f"{figures['step_memory_bytes'] / MIB:.0f}"


def resident(figures):
    return f"{figures['resident_bytes']['median'] / MIB:.0f}"


SPEED = ["job", "precision", "DeepEP", "PyTorch eager", "torch.compile", "ratio to the better", "of the peak"]
MEMORY = ["job", "precision", "step memory", "resident above idle", "launch to first step, seconds"]


def markdown(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def heading(records):
    """The machine, what ran, when, and how often."""
    first = records[0]
    rounds = sorted({record["rounds"] for record in records})
    days = sorted({day for record in records for day in record["date"].split(" to ")})
    pytorch = first["versions"].get("pytorch")
    return (
        f"**{processor(first)}**, {first['threads']} threads, {' to '.join(dict.fromkeys((days[0], days[-1])))}"
        f"{f', PyTorch {pytorch}' if pytorch else ''}; medians (least–most) of"
        f" {' or '.join(map(str, rounds))} interleaved rounds"
    )


def section(records):
    """All tables of one processor."""
    named = [record for record in records if is_named(record)]
    others = [record for record in records if not is_named(record)]
    parts = [heading(records) + ", tokens a second:"]
    parts.append(markdown(SPEED, [row for record in named for row in speed_rows(record)]))
    memory = [row for record in named for row in memory_rows(record)]
    if memory:
        parts.append(markdown(MEMORY, memory))
    if others:
        parts.append("Other sizes of `gpt-tiny`, and a model of Llama's shape:")
        parts.append(markdown(SPEED, [row for record in others for row in speed_rows(record)]))
    notes = dict.fromkeys(note for record in records for note in record["notes"])
    return "\n\n".join(parts + [f"({note}.)" for note in notes])


def by_processor(records):
    """The records of each processor, in their order."""
    processors = dict.fromkeys(map(processor, records))
    return [[record for record in records if processor(record) == one] for one in processors]


def processor(record):
    return f"{record['processor']}, {record['class']}"


SUMMARY = ["processor", "job", "precision", "tokens a second by PyTorch's better mode", "step memory by PyTorch's"]


def summary_rows(records):
    for record in records:
        for precision in precisions(record) if is_named(record) else []:
            best, memory = better_mode(record, precision), compared(record, f"deepep {precision}", f"pytorch eager {precision}")
            if best and memory:
                yield [processor(record), label(record), precision, ratio(best["speed"]), f"{memory['step_memory']:.2f}"]


def readme(records):
    """What the README says: by how much DeepEP is faster and smaller."""
    return markdown(SUMMARY, list(summary_rows(records)))


def performance(records, agreements=()):
    """docs/performance.md: all tables, and whether the frameworks learn alike."""
    sections = [
        "# DeepEP beside PyTorch",
        "Written by `make benchmark`; `Benchmarks/README.md` says how it is measured.",
        "![Speed of a training step](benchmark.svg)",
    ]
    sections += [section(group) for group in by_processor(records)]
    if agreements:
        sections.append("Do they learn alike? `make agreement`:")
        sections.append("\n".join(f"- {processor(record)}, {agreement(record)}" for record in agreements))
    return "\n\n".join(sections) + "\n"


def agreement(record):
    """What a record of `make agreement` says."""
    date, steps, far = record["date"], record["steps"], record["largest_difference"]
    if record["kind"] == "frameworks":
        return (
            f"{date}: {steps} steps of `{record['case']}` on {record['text']}, batch {record['batch']}, fp32, from the"
            f" same weights: losses differ from PyTorch's by at most {far:.0e} (bound {record['bound']:g})."
        )
    losses = record["validation_losses"]
    listed = ", ".join(f"{precision} {loss:.4f}" for precision, loss in losses.items())
    return (
        f"{date}: `deepep train` on {record['text']} for {steps} steps ends with validation losses of {listed}; they"
        f" differ from that of fp32 by at most {far * 100:.2f} % (bound {record['bound'] * 100:g} %)."
    )


def text(records):
    """For the terminal: a line for each comparison."""
    lines = [heading(records)]
    for record in records:
        lines.append(record["case"])
        for name, figures in record["contestants"].items():
            lines.append(f"  {name:22} {figures_text(figures)}")
        lines += [f"  {comparison_text(one)}" for one in record["comparisons"]]
    return "\n".join(lines)


def figures_text(figures):
    return (
        f"{ratio(figures['tokens_per_second'], 0)} tokens/s, {share_of_peak(figures)} of the peak,"
        f" launch {figures['launch_seconds']['median']:.2f} s (cold {figures['launch_cold_seconds']:.2f}),"
        f" step memory {bytes_of(figures)} MiB, resident {resident(figures)} MiB above idle"
    )


def comparison_text(one):
    return (
        f"{one['of']} to {one['to']}: speed {ratio(one['speed'])}, step memory {one['step_memory']:.2f},"
        f" resident {one['resident']['median']:.2f}, losses differ by {one['loss_difference']:.0e}"
    )
