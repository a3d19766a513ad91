"""What two frameworks' measurements of one job say beside each other."""

import statistics

DIGITS = 4
UNDISTURBED_CORES = 0.1
FIGURES = ("items_per_second", "first_step_seconds", "peak_resident_bytes", "achieved_gflops")


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def loss_difference(one, other):
    """The largest relative difference of losses at the same step."""
    return max(abs(a - b) / abs(b) for a, b in zip(one["losses"], other["losses"]))


def undisturbed_seconds(run):
    """The times of the steps after the first during which others took less than a tenth of a core."""
    steps = list(zip(run["step_seconds"], run["foreign_cores"]))[1:]
    return [time for time, load in steps if load is not None and load < UNDISTURBED_CORES]


def compared(rounds):
    """The figures of all rounds; ratios where both frameworks ran."""
    result = {"rounds": rounds}
    for framework in ("deepep", "pytorch"):
        runs = [r[framework] for r in rounds if framework in r]
        if runs:
            result[framework] = {key: spread([run[key] for run in runs]) for key in FIGURES}
    both = [r for r in rounds if "deepep" in r and "pytorch" in r]
    if both:
        result["ratio"] = summary([ratio(r) for r in both])
        result["ratio_undisturbed"] = summary([r for r in map(undisturbed_ratio, both) if r])
        differences = [loss_difference(r["deepep"], r["pytorch"]) for r in both]
        result["loss_difference"] = max(differences)
        result["losses_agree"] = max(differences) <= 0.5 * 10 ** -DIGITS
    return result


def ratio(both):
    """DeepEP's items per second by PyTorch's."""
    return both["deepep"]["items_per_second"] / both["pytorch"]["items_per_second"]


def undisturbed_ratio(both):
    """The same from the median undisturbed step of each; None if one has no such step."""
    ours, theirs = (undisturbed_seconds(both[framework]) for framework in ("deepep", "pytorch"))
    return statistics.median(theirs) / statistics.median(ours) if ours and theirs else None


def summary(ratios):
    return {"each": ratios, **spread(ratios)} if ratios else None


def text(name, result):
    lines = [name]
    for framework in ("deepep", "pytorch"):
        if framework in result:
            lines.append(f"  {framework:8} {figures(result[framework])}")
    for key, label in (("ratio", "all steps"), ("ratio_undisturbed", "undisturbed steps")):
        if result.get(key):
            count = len(result[key]["each"])
            lines.append(f"  ratio    {shown(result[key], 3)} in {count} rounds, {label}")
        elif key in result:  # None: no such round
            lines.append(f"  ratio    in no round both had {label}: others took {UNDISTURBED_CORES} cores or more")
    if "losses_agree" in result:
        verdict = "agree" if result["losses_agree"] else "DO NOT AGREE"
        difference = result["loss_difference"]
        lines.append(f"  losses   {verdict} to {DIGITS} digits (largest relative difference {difference:.1e})")
    return "\n".join(lines)


def figures(known):
    resident = {key: value / 2**20 for key, value in known["peak_resident_bytes"].items()}
    return (
        f"{shown(known['items_per_second'], 0)} items/s, first step {shown(known['first_step_seconds'], 2)} s"
        f" after launch, peak {shown(resident, 0)} MiB, {shown(known['achieved_gflops'], 0)} gflops"
    )


def shown(values, digits):
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}-{values['max']:.{digits}f})"
