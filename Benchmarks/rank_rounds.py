"""Rounds of jobs of several ranks, and what is known of each job after them."""

import functools

import figures
from cases import CASES


def measured(tasks, rounds):
    """What each task returns, a list by name; another one goes first in each round."""
    found = {name: [] for name in tasks}
    names = list(tasks)
    for turn in range(rounds):
        place = turn % len(names)
        for name in names[place:] + names[:place]:
            found[name].append(tasks[name]())
            print(f"  round {turn + 1} {name}: {text(found[name][-1])}", flush=True)
    return found


def text(value):
    return ", ".join(f"{one:.6g}" for one in (value if isinstance(value, tuple) else (value,)))


def step_seconds(run, n):
    """As `rounds.py` has it: the wall of 2n + 2 steps less that of n + 2, by n."""
    return (run.step_ends[2 * n + 1] - run.step_ends[n + 1]) / n


class Speed:
    """Times contestants on a model; keeps what else their runs say."""

    def __init__(self, model, n, environment):
        self.tokens, self.n, self.environment = CASES[model].sizes.tokens, n, environment
        self.losses, self.foreign_cores, self.versions = {}, {}, {}

    def rates(self, contestants, rounds):
        """The tokens a second of each contestant in each round."""
        tasks = {one.name: functools.partial(self.tokens_per_second, one) for one in contestants}
        return measured(tasks, rounds)

    def tokens_per_second(self, one):
        runs = one.run(2 * self.n + 2, self.environment)
        self.losses[one.name] = runs[0].report["losses"]
        self.foreign_cores[one.name] = max(self.foreign_cores.get(one.name, 0), runs[0].foreign_cores)
        self.versions[one.name] = runs[0].report.get("version")
        # Ranks of a job end a step together; jobs side by side have a pace of their own each.
        counted, batches = (runs[:1], one.batches) if one.is_job else (runs, one.batches / len(runs))
        return sum(batches * self.tokens / step_seconds(run, self.n) for run in counted)

    def figures(self, found, reference=None):
        """By name; losses are compared with those of a contestant on the same data, if there is one."""
        return {name: self.figures_of(name, rates, reference) for name, rates in found.items()}

    def figures_of(self, name, rates, reference):
        known = {"tokens_per_second": figures.spread(rates), "foreign_cores": self.foreign_cores[name]}
        if reference:
            known["loss_difference"] = figures.loss_difference(self.losses[name], self.losses[reference])
        return known


def bar(text, ratio, least):
    """A bar that a ratio has to reach in the median."""
    value = f"{ratio['median']:.3f} ({ratio['min']:.3f}–{ratio['max']:.3f})"
    return {"bar": f"{text}, at least {least}: {value}", "is_kept": ratio["median"] >= least}
