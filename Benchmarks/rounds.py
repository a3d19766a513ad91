"""The rounds of a case: every contestant in each, and another one first in each."""

import tempfile

import machine
from timed_process import timed


class Measurement:
    """What was measured of one contestant: a list has one figure a round."""

    def __init__(self, contestant, case):
        self.contestant = contestant
        self.case = case
        self.step_seconds = []
        self.launch_seconds = []
        self.first_touch_seconds = []  # what finding as much memory took just before
        self.peak_resident_bytes = []
        self.foreign_cores = []
        self.losses = []
        self.first_step_cold_seconds = 0.0
        self.step_memory_bytes = 0
        self.needed_bytes = 0  # resident at the peak of the first run
        self.version = None

    def warm_up(self, threads, environment):
        """A first run, which fills the caches, and also says how much memory a step takes."""
        memory = ["--memory"] if self.contestant.framework == "pytorch" else []
        run = timed(self.contestant.command(self.case, 2, threads, *memory), environment)
        self.first_step_cold_seconds = run.step_ends[0]
        self.needed_bytes = run.peak_resident_bytes
        # DeepEP has it from its plan.
        self.step_memory_bytes = run.report.get("step_memory_bytes", run.report.get("plan_value_bytes"))
        self.version = run.report.get("version")

    def add_round(self, threads, environment):
        """The wall of 2n + 2 steps less that of n + 2, by n."""
        n = self.case.steps
        # Every contestant finds the machine alike: its memory has just been used by others.
        self.first_touch_seconds.append(machine.first_touch_seconds(self.needed_bytes, threads))
        run = timed(self.contestant.command(self.case, 2 * n + 2, threads), environment)
        step = (run.step_ends[2 * n + 1] - run.step_ends[n + 1]) / n
        self.step_seconds.append(step)
        self.launch_seconds.append(run.step_ends[0] - step)
        self.peak_resident_bytes.append(run.peak_resident_bytes)
        self.foreign_cores.append(run.foreign_cores)
        self.losses = run.report["losses"]

    @property
    def last_round(self):
        tokens = self.case.sizes.tokens / self.step_seconds[-1]
        return (
            f"{self.contestant.name:22} {tokens:6.0f} tokens/s, launch {self.launch_seconds[-1]:.2f} s"
            f" (finding its memory took {self.first_touch_seconds[-1]:.2f} s), others took {self.foreign_cores[-1]:.2f} cores"
        )


def peak_gigaflops(command, case, threads):
    """What a loop of multiply-adds reaches now: the better of two tries."""
    probe = [*command, *case.arguments, "--steps=0", f"--threads={threads}", "--probe", "--json"]
    return max(timed(probe).report["probe_gflops"])


def measured(case, contestants, count, threads, command):
    """The measurements of a case, and the peak of the processor before, between and after the rounds."""
    measurements = [Measurement(contestant, case) for contestant in contestants]
    peaks = []
    with tempfile.TemporaryDirectory() as caches:
        environment = {
            "OMP_NUM_THREADS": str(threads),
            "TORCHINDUCTOR_CACHE_DIR": f"{caches}/inductor",
            "XDG_CACHE_HOME": caches,
        }
        for measurement in measurements:
            measurement.warm_up(threads, environment)
        peaks.append(peak_gigaflops(command, case, threads))
        for index in range(count):
            first = index % len(measurements)
            for measurement in measurements[first:] + measurements[:first]:
                measurement.add_round(threads, environment)
                print(f"  round {index + 1} {measurement.last_round}", flush=True)
            peaks.append(peak_gigaflops(command, case, threads))
    return measurements, peaks
