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


def is_undisturbed(run):
    """Whether others took less than a tenth of a core in the steps after the first, on average."""
    loads = [load for load in run["foreign_cores"][1:] or run["foreign_cores"] if load is not None]
    return bool(loads) and statistics.mean(loads) < UNDISTURBED_CORES


def compared(rounds):
    """The figures of all rounds; ratios where both frameworks ran."""
    result = {"rounds": rounds}
    for framework in ("deepep", "pytorch"):
        runs = [r[framework] for r in rounds if framework in r]
        if runs:
            result[framework] = {key: spread([run[key] for run in runs]) for key in FIGURES}
    both = [r for r in rounds if "deepep" in r and "pytorch" in r]
    if both:
        result["ratio"] = ratio(both)
        result["ratio_undisturbed"] = ratio(
            [r for r in both if is_undisturbed(r["deepep"]) and is_undisturbed(r["pytorch"])])
        differences = [loss_difference(r["deepep"], r["pytorch"]) for r in both]
        result["loss_difference"] = max(differences)
        result["losses_agree"] = max(differences) <= 0.5 * 10 ** -DIGITS
    return result


def ratio(rounds):
    """DeepEP's items per second by PyTorch's, a figure a round; None without rounds."""
    if not rounds:
        return None
    values = [r["deepep"]["items_per_second"] / r["pytorch"]["items_per_second"] for r in rounds]
    return {"each": values, **spread(values)}


def text(name, result):
    lines = [name]
    for framework in ("deepep", "pytorch"):
        if framework in result:
            lines.append(f"  {framework:8} {figures(result[framework])}")
    for key, label in (("ratio", "all rounds"), ("ratio_undisturbed", "undisturbed rounds")):
        if result.get(key):
            count = len(result[key]["each"])
            lines.append(f"  ratio    {shown(result[key], 3)} in {label} ({count})")
        elif key in result:  # None: no such round
            lines.append(f"  ratio    no {label}: others took {UNDISTURBED_CORES} cores or more")
    if "losses_agree" in result:
        verdict = "agree" if result["losses_agree"] else "DO NOT AGREE"
        difference = result["loss_difference"]
        lines.append(f"  losses   {verdict} to {DIGITS} digits (largest relative difference {difference:.1e})")
    return "\n".join(lines)


def figures(summary):
    resident = {key: value / 2**20 for key, value in summary["peak_resident_bytes"].items()}
    return (
        f"{shown(summary['items_per_second'], 0)} items/s, first step {shown(summary['first_step_seconds'], 2)} s"
        f" after launch, peak {shown(resident, 0)} MiB, {shown(summary['achieved_gflops'], 0)} gflops"
    )


def shown(values, digits):
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f}-{values['max']:.{digits}f})"
