"""What measurements of one case say: medians with their spread, ratios, and whether losses agree."""

import statistics


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "each": values}


def ratios(one, other):
    """Round by round."""
    return spread([a / b for a, b in zip(one, other)])


def loss_difference(one, other):
    """The largest relative difference of losses at the same step."""
    return max(abs(a - b) / abs(b) for a, b in zip(one, other))


def contestant_figures(measurement, peaks, idle):
    """The figures of one contestant; `peaks` are one more than rounds: before, between and after them."""
    sizes, seconds = measurement.case.sizes, measurement.step_seconds
    return {
        "step_seconds": spread(seconds),
        "tokens_per_second": spread([sizes.tokens / s for s in seconds]),
        "peak_fraction": peak_fraction(measurement, peaks),
        "launch_seconds": spread(measurement.launch_seconds),
        "first_touch_seconds": spread(measurement.first_touch_seconds),
        "launch_cold_seconds": measurement.first_step_cold_seconds - statistics.median(seconds),
        "resident_bytes": spread([peak - idle for peak in measurement.peak_resident_bytes]),
        "idle_bytes": idle,
        "step_memory_bytes": measurement.step_memory_bytes,
        "foreign_cores": spread(measurement.foreign_cores),
        "losses": measurement.losses,
    }


def peak_fraction(measurement, peaks):
    """The share of what a loop of float32 multiply-adds reaches around each round; None for bf16."""
    if measurement.contestant.precision != "fp32":
        return None
    beside = [(before + after) / 2 for before, after in zip(peaks, peaks[1:])]
    flops = measurement.case.sizes.flops()
    return spread([flops / seconds / 1e9 / peak for seconds, peak in zip(measurement.step_seconds, beside)])


def better(figures, precision):
    """The name of the faster of PyTorch's two modes; None if none was measured."""
    names = [name for name in figures if name.startswith("pytorch") and name.endswith(precision)]
    return max(names, key=lambda name: figures[name]["tokens_per_second"]["median"], default=None)


def comparison(figures, ours, theirs):
    """A ratio above 1 means that DeepEP is faster; below 1, that it takes less memory."""
    one, other = figures[ours], figures[theirs]
    return {
        "of": ours,
        "to": theirs,
        "speed": ratios(one["tokens_per_second"]["each"], other["tokens_per_second"]["each"]),
        "step_memory": one["step_memory_bytes"] / other["step_memory_bytes"],
        "resident": ratios(one["resident_bytes"]["each"], other["resident_bytes"]["each"]),
        "loss_difference": loss_difference(one["losses"], other["losses"]),
    }


def comparisons(figures):
    """DeepEP in each precision against PyTorch eager, the better of its modes, and its fp32 eager."""
    found = []
    for ours in (name for name in figures if name.startswith("deepep")):
        precision = ours.split()[-1]
        others = [f"pytorch eager {precision}", better(figures, precision), "pytorch eager fp32"]
        for theirs in dict.fromkeys(name for name in others if name in figures):
            found.append(comparison(figures, ours, theirs))
    return found
