"""What a peer tells whoever measures it: a line as each step ends, and a line of JSON at the end.

Speed and the memory of the whole process are measured from outside. Only how much one step adds to the
memory has to be asked of the process itself.
"""

import ctypes
import json
import re
import time


def timed_steps(step, count):
    """Runs `step`, which returns its loss; returns step times and losses."""
    seconds, losses = [], []
    for index in range(count):
        start = time.perf_counter()
        losses.append(float(step()))
        seconds.append(time.perf_counter() - start)
        print(f"step {index + 1}/{count} loss {losses[-1]:.5f} {seconds[-1] * 1000:.1f} ms", flush=True)
    return seconds, losses


def resident_bytes(field):
    """`VmRSS`, what is resident now, or `VmHWM`, the most that ever was (proc(5))."""
    with open("/proc/self/status") as file:
        return int(re.search(rf"{field}:\s+(\d+)", file.read()).group(1)) * 1024


def step_memory_bytes(step, release):
    """How far one more step raises the resident memory: gradients, activations and temporaries.

    `release` drops the gradients of the step before; freed memory is given back to the system, and the
    high-water mark starts anew.
    """
    release()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = resident_bytes("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    float(step())
    return resident_bytes("VmHWM") - before


def report(**known):
    """Prints the last line."""
    print(json.dumps(known, sort_keys=True), flush=True)
