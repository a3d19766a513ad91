"""The report that a program prints."""

import json
import os
import subprocess


def report_in(output):
    """The last line of JSON in what a program printed; a launcher may have put the rank before it."""
    for line in reversed(output.splitlines()):
        start = line.find("{")
        if start >= 0 and line.rstrip().endswith("}"):
            return json.loads(line[start:])
    raise ValueError(f"no report in: {output[-500:]}")


def report_of(name, words, variables, limit_seconds):
    """What one run of a command reports; None if it fails, with a line that says so."""
    try:
        run = subprocess.run(
            words, capture_output=True, text=True, env={**os.environ, **variables}, timeout=limit_seconds)
    except subprocess.TimeoutExpired:
        print(f"  {name} took more than {limit_seconds} s", flush=True)
        return None
    if run.returncode != 0:
        print(f"  {name} failed: {(run.stderr or run.stdout)[-300:]}", flush=True)
        return None
    return report_in(run.stdout)
