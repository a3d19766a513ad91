"""What a peer measures of itself, and the line of JSON that it ends with.

The keys are those of `deepep benchmark --json`.
"""

import json
import os
import time


def processor_name():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def seconds_since_launch():
    """Since the kernel started this process; its clock ticks every 10 ms."""
    with open("/proc/self/stat") as file:
        started = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def peak_resident_bytes():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def timed_steps(step, count):
    """Runs `step`, which returns its loss; returns step times, losses, and when the first ended."""
    seconds, losses, first = [], [], 0.0
    for index in range(count):
        start = time.perf_counter()
        losses.append(float(step()))
        seconds.append(time.perf_counter() - start)
        if index == 0:
            first = seconds_since_launch()
    return seconds, losses, first


def median(values):
    """The upper median, as DeepEP takes it."""
    return sorted(values)[len(values) // 2]


def report(*, steps, items, flops, probe_gflops, **known):
    """Prints the line. Rates are those of the median step after the first."""
    seconds, losses, first = steps
    typical = median(seconds[1:] or seconds)
    record = {
        "processor": processor_name(),
        "step_seconds": seconds,
        "losses": losses,
        "items_per_second": items / typical,
        "first_step_seconds": first,
        "peak_resident_bytes": peak_resident_bytes(),
        "plan_peak_bytes": None,
        "achieved_gflops": flops / typical / 1e9,
        "probe_gflops": probe_gflops,
    }
    print(json.dumps({**known, **record}, sort_keys=True), flush=True)
