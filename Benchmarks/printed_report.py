"""The report that a program prints."""

import json


def report_in(output):
    """The last line of JSON in what a program printed; a launcher may have put the rank before it."""
    for line in reversed(output.splitlines()):
        start = line.find("{")
        if start >= 0 and line.rstrip().endswith("}"):
            return json.loads(line[start:])
    raise ValueError(f"no report in: {output[-500:]}")
