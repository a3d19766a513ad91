"""Runs of programs, measured from outside: one alone, or several side by side."""

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

import machine


class RunError(Exception):
    """A program that failed, with what it said."""


@dataclasses.dataclass(frozen=True)
class TimedRun:
    step_ends: tuple  # seconds from the launch until the line of each step
    peak_resident_bytes: int
    foreign_cores: float  # that other programs took meanwhile
    report: dict  # the program's last line; empty if it wrote none


def timed(command, environment=None):
    """Runs a command to its end."""
    return timed_together([command], [environment])[0]


def timed_together(commands, environments):
    """Runs commands at the same time, each to its end: ranks of a job, or jobs side by side.

    If one of them fails, the others are killed.
    """
    busy, start = machine.busy_seconds(), time.monotonic()
    programs = [_Program(*pair, start) for pair in zip(commands, environments)]
    for program in programs:
        program.follow(lambda: [other.kill() for other in programs])
    for program in programs:
        program.thread.join()
    wall = time.monotonic() - start
    first = min(programs, key=lambda program: (program.process.returncode == 0, program.end))
    first.check()
    others = machine.busy_seconds() - busy - sum(program.own_seconds for program in programs)
    return [program.run(max(0.0, others) / wall) for program in programs]


class _Program:
    """A command that runs, and the thread that reads what it writes."""

    def __init__(self, command, environment, start):
        self.command, self.begin, self.lines, self.step_ends = command, start, [], []
        self.errors = tempfile.TemporaryFile("w+")
        environment = {**os.environ, **(environment or {})}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.errors, text=True, env=environment)

    def follow(self, at_failure):
        self.thread = threading.Thread(target=self.read, args=(at_failure,))
        self.thread.start()

    def read(self, at_failure):
        with self.process.stdout as output:
            for line in output:
                if line.startswith("step "):
                    self.step_ends.append(time.monotonic() - self.begin)
                self.lines.append(line)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.end = time.monotonic()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.own_seconds = usage.ru_utime + usage.ru_stime
        self.peak_resident_bytes = usage.ru_maxrss * 1024  # the VmHWM of the process that has ended
        if self.process.returncode != 0:
            at_failure()

    def kill(self):
        # Not Popen.kill, which would take the status that the thread waits for.
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGKILL)

    def check(self):
        if self.process.returncode != 0:
            self.errors.seek(0)
            raise RunError(f"{' '.join(self.command)} ended with {self.process.returncode}:\n{self.errors.read()}")

    def run(self, foreign_cores):
        self.errors.close()
        report = json.loads(self.lines[-1]) if self.lines else {}
        return TimedRun(tuple(self.step_ends), self.peak_resident_bytes, foreign_cores, report)
