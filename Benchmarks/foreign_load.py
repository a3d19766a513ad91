"""How many cores other programs took while a process ran.

Sampled from outside, so the same for every framework: what the machine was busy with, less what the
process used itself. Time that a hypervisor gave to others counts as foreign.
"""

import os
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def machine_seconds():
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


def process_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class ForeignLoad:
    """Samples until the process has ended."""

    def __init__(self, pid, interval_seconds=0.1):
        self.start = time.monotonic()
        self.samples = []  # seconds since the start, CPU seconds of others
        self.interval = interval_seconds
        self.pid = pid
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.sample, daemon=True)
        self.thread.start()

    def sample(self):
        while not self.ended.is_set():
            try:
                foreign = machine_seconds() - process_seconds(self.pid)
            except (FileNotFoundError, ProcessLookupError):
                return
            self.samples.append((time.monotonic() - self.start, foreign))
            self.ended.wait(self.interval)

    def stop(self):
        self.ended.set()
        self.thread.join()

    def cores(self, begin, end):
        """The mean from the last sample before an interval to the first after it; None without."""
        before = [s for s in self.samples if s[0] <= begin] or self.samples[:1]
        after = [s for s in self.samples if s[0] >= end] or self.samples[-1:]
        if not before or after[0][0] <= before[-1][0]:
            return None
        seconds = after[0][0] - before[-1][0]
        return max(0.0, (after[0][1] - before[-1][1]) / seconds)

    def of_steps(self, first_end, step_seconds):
        """For each step, from when the first one ended and how long each took."""
        loads, end = [], first_end
        for index, seconds in enumerate(step_seconds):
            end += seconds if index else 0
            loads.append(self.cores(end - seconds, end))
        return loads
