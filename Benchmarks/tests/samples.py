"""Measurements that nobody made, for tests."""

import cases
import contestants
import figures
import rounds


def contestant(name):
    framework, *_, precision = name.split()
    return contestants.Contestant(name, framework, precision, ("program",))


def measurement(name, seconds):
    one = rounds.Measurement(contestant(name), cases.CASES["gpt-tiny"])
    one.step_seconds = seconds
    one.launch_seconds = [1.0 for _ in seconds]
    one.first_touch_seconds = [0.5 for _ in seconds]
    one.peak_resident_bytes = [300 for _ in seconds]
    one.foreign_cores = [0.0 for _ in seconds]
    one.first_step_cold_seconds = 5.0
    one.step_memory_bytes = 100
    one.losses = [4.0, 3.0]
    return one


def figures_of(**seconds):
    """Of contestants by name, with `_` for a space."""
    names = {name.replace("_", " "): values for name, values in seconds.items()}
    return {
        name: figures.contestant_figures(measurement(name, values), [200.0] * (len(values) + 1), idle=100)
        for name, values in names.items()
    }


def record(name="gpt-tiny", processor="AVX2", seconds=1.0, model="A processor"):
    """Two rounds of a case on a processor of a class, with what a step of DeepEP takes."""
    found = figures_of(
        deepep_fp32=[seconds, seconds], pytorch_eager_fp32=[2.0, 2.0], pytorch_compile_fp32=[1.6, 1.6]
    )
    return {
        "case": name,
        "class": processor,
        "processor": model,
        "threads": 2,
        "rounds": 2,
        "n": 4,
        "date": "2026-01-02",
        "versions": {"pytorch": "2.0"},
        "notes": [],
        "command": "make benchmark",
        "contestants": found,
        "comparisons": figures.comparisons(found),
    }
