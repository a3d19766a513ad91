"""The machine that figures belong to."""

import os
import re
import shutil
import subprocess
import sys

TICKS = os.sysconf("SC_CLK_TCK")
# What holds PyTorch's libraries to narrower vectors; DeepEP has an option.
NARROW_VECTORS = {
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "MKL_CBWR": "AVX2",
    }
}
TOUCH = """
import mmap, sys, time
begin = time.monotonic()
with mmap.mmap(-1, int(sys.argv[1])) as memory:
    for start in range(0, len(memory), mmap.PAGESIZE):
        memory[start] = 1
print(time.monotonic() - begin)
"""


def processor_field(name):
    with open("/proc/cpuinfo") as file:
        match = re.search(rf"^{name}\s*:\s*(.*)$", file.read(), re.MULTILINE)
    return match.group(1).strip() if match else ""


def processor_name(limit=None):
    """What the processor says of itself; virtual machines often hide the model behind a maker's name."""
    name = processor_field("model name") or "unknown"
    if family := processor_field("cpu family"):
        name += f", family {family} model {processor_field('model')}"
    return f"{name}, held to {limit.upper()}" if limit else name


def processor_class(limit=None):
    """By the vector units, as `ProcessorClass` of DeepEP has it."""
    flags = set(processor_field("flags").split())
    if "avx512f" not in flags or limit == "avx2":
        return "AVX2"
    return "AVX-512 bf16" if "avx512_bf16" in flags else "AVX-512"


def has_units(precision, limit=None):
    """Whether the processor multiplies such numbers by itself, with vectors that are no wider than a limit."""
    units = {"bf16": "avx512_bf16", "fp16": "avx512_fp16"}.get(precision)
    return not units or not limit and units in processor_field("flags").split()


def busy_seconds():
    """CPU seconds that all programs took since the machine started; what a hypervisor gave to others counts."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + irq + soft + steal) / TICKS


def first_touch_seconds(count, processes):
    """How long some processes take now to touch so many bytes for the first time, each a part of them.

    A virtual machine gives free memory back to its host. Taking it again costs up to a second for each gigabyte,
    whoever asks. After this the machine has so much, for the next program.
    """
    command = [sys.executable, "-c", TOUCH, str(max(1, count // processes))]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(processes)]
    return max(float(child.communicate()[0]) for child in children)


def version_of(*command):
    """The first version number that a program prints; None without the program."""
    if not shutil.which(command[0]):
        return None
    output = subprocess.run(command, capture_output=True, text=True).stdout
    match = re.search(r"\d+\.\d+[\w.+-]*", output)
    return match.group(0) if match else None


def commit(folder):
    """The commit of a checkout, with a plus if files differ from it; None without git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=10", "--match=none"]
    try:
        output = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return output.stdout.strip() or None
