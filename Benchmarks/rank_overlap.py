"""How much of the communication between two hosts of a rank each hides behind compute; see README.md.

The link has the rate at which the all-reduce of all gradients alone takes as long as backward.
"""

import pathlib
import statistics

import figures
import links
import rank_contestants
from cases import CASES
from rank_rounds import measured, step_seconds
from timed_process import timed_together

TOLERANCE = 0.1  # of the time of the all-reduce by that of backward
CALIBRATIONS = 3
BACKWARD = ("inputGradient", "weightGradient")


class Timer:
    """The three programs whose times say what is hidden; each returns seconds."""

    def __init__(self, program, model, n, environment):
        self.program, self.model, self.n, self.environment = program, model, n, environment
        self.sizes = CASES[model].sizes
        self.network = None  # the laboratory

    @property
    def gradient_bytes(self):
        return 4 * self.sizes.weights

    def without(self):
        """A step of two jobs side by side with half of the batch each, and its backward: the same compute."""
        half = f"--batch={self.sizes.batch // rank_contestants.RANKS}"
        runs = rank_contestants.side_by_side(self.program, self.model, half).run(2 * self.n + 2, self.environment)
        backward = [sum(run.report["phase_seconds"][phase] for phase in BACKWARD) for run in runs]
        return statistics.mean(step_seconds(run, self.n) for run in runs), statistics.mean(backward)

    def together(self, *words):
        """A run of a rank on each host."""
        ranks = range(rank_contestants.RANKS)
        commands = [self.network.on(rank, [str(self.program), *words]) for rank in ranks]
        variables = rank_contestants.variables(len(ranks), links.address(0), local_ranks=1)
        return timed_together(commands, [self.environment | one for one in variables])[0]

    def step(self):
        options = ("--threads=1", "--strategy=data=2", f"--steps={2 * self.n + 2}", "--json")
        return step_seconds(self.together("benchmark", self.model, *options), self.n)

    def all_reduce(self):
        options = ("--communication=tcp", f"--bytes={self.gradient_bytes}", "--rounds=3", "--json")
        return self.together("benchmark", "all-reduce", *options).report["seconds_median"]


def rate(byte_count, seconds):
    """Megabits a second; of two ranks each sends as many bytes as it has."""
    return byte_count * 8 / seconds / 1e6


def calibrated(timer, helper):
    """The rate of the link at which the all-reduce takes as long as backward, as far as trials find it."""
    _, backward = timer.without()
    megabits = rate(timer.gradient_bytes, backward)
    for _ in range(CALIBRATIONS):
        with links.laboratory(helper, megabits) as (timer.network, reason):
            if timer.network is None:
                return None, reason
            found = timer.all_reduce() / backward
        print(f"  at {megabits:.0f} Mbit/s the all-reduce takes {found:.2f} of backward's {backward:.2f} s", flush=True)
        if abs(found - 1) <= TOLERANCE / 3:
            break
        megabits *= found
    return megabits, None


def hidden(step, without, communication):
    """The share of the communication that a step does not show."""
    return 1 - (step - without) / communication


def measure(program, model, rounds, n, environment):
    """The figures; the reason if there can be no links here."""
    helper = pathlib.Path(program).with_name("DeepEPCommunicationRank")
    timer = Timer(program, model, n, environment)
    megabits, reason = calibrated(timer, helper)
    if megabits is None:
        return {"skipped": reason, "bars": []}
    with links.laboratory(helper, megabits) as (timer.network, reason):
        if timer.network is None:
            return {"skipped": reason, "bars": []}
        tasks = {"without": timer.without, "step": timer.step, "all-reduce": timer.all_reduce}
        found = measured(tasks, rounds)
    return figures_of(found["step"], found["without"], found["all-reduce"]) | {
        "megabits_per_second": megabits, "delay_microseconds": links.MICROSECONDS, "bytes": timer.gradient_bytes,
    }


def figures_of(steps, without, communication):
    """What a round's three times say, round by round."""
    alone, backward = zip(*without)
    shares = figures.spread([hidden(*one) for one in zip(steps, alone, communication)])
    match = figures.ratios(communication, backward)
    text = f"hidden, at least 0.75: {shares['median']:.3f} ({shares['min']:.3f}–{shares['max']:.3f})"
    fits = f"the all-reduce takes as long as backward within 10 %: {match['median']:.3f}"
    return {
        "step_seconds": figures.spread(steps), "without_seconds": figures.spread(list(alone)),
        "all_reduce_seconds": figures.spread(communication), "backward_seconds": figures.spread(list(backward)),
        "hidden": shares,
        "bars": [
            {"bar": fits, "is_kept": abs(match["median"] - 1) <= TOLERANCE},
            {"bar": text, "is_kept": shares["median"] >= 0.75},
        ],
    }
