"""What is measured: jobs in the sizes of their names, one of them in other sizes, and a Llama."""

import dataclasses

from peers.sizes import SIZES


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    model: str
    steps: int  # the n of README.md
    changed: tuple = ()  # pairs of a size and its value
    precisions: tuple = ("fp32", "bf16")

    @property
    def sizes(self):
        return SIZES[self.model].resized(**dict(self.changed))

    @property
    def arguments(self):
        """What both programs take on their command lines."""
        return [self.model] + [f"--{size}={value}" for size, value in self.changed]


def other_size(size, value, steps):
    return Case(f"{size}-{value}", "gpt-tiny", steps, ((size, value),), ("fp32",))


NAMED = (Case("gpt-tiny", "gpt-tiny", 6), Case("gpt2-124m", "gpt2-124m", 3))
OTHER_SIZES = (
    other_size("batch", 3, 12),
    other_size("batch", 8, 8),
    other_size("context", 64, 12),
    other_size("context", 512, 3),
    other_size("width", 320, 6),
    Case("llama-tiny", "llama-tiny", 6, precisions=("fp32",)),
)
CASES = {case.name: case for case in NAMED + OTHER_SIZES}
