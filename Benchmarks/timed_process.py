"""One run of a program, measured from outside."""

import dataclasses
import json
import os
import subprocess
import tempfile
import time

import machine


class RunError(Exception):
    """A program that failed, with what it said."""


@dataclasses.dataclass(frozen=True)
class TimedRun:
    step_ends: tuple  # seconds from the launch until the line of each step
    peak_resident_bytes: int
    foreign_cores: float  # that other programs took meanwhile
    report: dict  # the program's last line


def timed(command, environment=None):
    """Runs a command to its end."""
    busy, start = machine.busy_seconds(), time.monotonic()
    environment = {**os.environ, **(environment or {})}
    with tempfile.TemporaryFile("w+") as errors, subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
    ) as process:
        lines, ends = [], []
        for line in process.stdout:
            if line.startswith("step "):
                ends.append(time.monotonic() - start)
            lines.append(line)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise RunError(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read()}")
    others = machine.busy_seconds() - busy - usage.ru_utime - usage.ru_stime
    # The kernel's ru_maxrss is the VmHWM of the process that has ended.
    return TimedRun(tuple(ends), usage.ru_maxrss * 1024, max(0.0, others) / wall, json.loads(lines[-1]))
