"""Writes docs/communication.md from communication.json; `make benchmark-communication` does it at its end."""

import json
import pathlib
import sys

from contestants import ROOT

RESULTS = pathlib.Path(__file__).with_name("communication.json")
DOCUMENT = ROOT / "docs/communication.md"


def time(seconds):
    return f"{seconds * 1e6:.2f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def size(count):
    for unit, factor in ("MiB", 1 << 20), ("KiB", 1 << 10):
        if count >= factor and count % factor == 0:
            return f"{count // factor} {unit}"
    return f"{count} bytes"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def bars(cases):
    kept = [(bar, is_kept) for case in cases for bar, is_kept in case.get("bars", {}).items()]
    return "".join(f"- {'kept' if is_kept else '**missed**'}: {bar}\n" for bar, is_kept in kept)


def links(cases):
    """The section of all-reduces between hosts."""
    if not cases:
        return ""
    if "skipped" in cases[0]:
        return f"## Between hosts\n\nNot measured: {cases[0]['skipped']}.\n"
    first = cases[0]
    ranks = first["ranks"] // first["hosts"]
    names = list(dict.fromkeys(name for case in cases for name in case["figures"]))
    rows = []
    for name in names:
        row = [name]
        for case in cases:
            found = case["figures"].get(name)
            more = f" ({found['by_flat_ring']:.2f})" if found and "by_flat_ring" in found else ""
            row.append(time(found["seconds"]) + more if found else "–")
        large = cases[-1]["figures"].get(name, {}).get("host_bytes")
        rows.append(row + [f"{large[0]:,}" if large else "–"])
    header = ["all-reduce"] + [size(case["bytes"]) for case in cases] + [f"bytes from a host, {size(cases[-1]['bytes'])}"]
    return (
        f"## Between hosts\n\n{first['hosts']} hosts of {ranks} ranks, {first['megabits_per_second']} Mbit/s, "
        f"{first['delay_microseconds']} µs each way. In brackets the time by that of the flat ring in the order of the "
        f"hosts, the median over the rounds.\n\n{table(header, rows)}\n{bars(cases)}"
    )


def host(cases):
    """The section of collectives on one host."""
    if not cases:
        return ""
    rows = []
    for case in cases:
        others = [
            f"{name} {time(one['seconds'])} ({one['times_deepep']:.1f})"
            for name, one in case["figures"].items() if "times_deepep" in one
        ]
        own = case["figures"].get("deepep")
        if own:
            limit = f"{own['by_limit']:.2f}" if "by_limit" in own else "–"
            rows.append([
                case["collective"], str(case["ranks"]), size(case["bytes"]), time(own["seconds"]), limit,
                ", ".join(others) or "–",
            ])
    header = ["collective", "ranks", "bytes", "DeepEP", "by scaling in place", "others (by DeepEP's time)"]
    return f"## On one host\n\n{table(header, rows)}\n{bars(cases)}"


def waits(record):
    """The section of ranks that wait."""
    if not record:
        return ""
    rows = [
        [one["communication"], f"{one['seconds']:.2f} s", f"{one['processor_seconds'] * 1e3:.1f} ms"]
        for one in record["cases"]
    ]
    checks = [{"bars": one.get("bar", {})} for one in record["cases"]]
    return (
        f"## While a rank waits\n\nOne rank of two comes a second late to an all-reduce; what the other takes of a "
        f"processor meanwhile, all its threads together, on {record['processor']}, on {record['date']}. Nothing wakes who "
        f"waits for MPI, so it looks again and again.\n\n"
        f"{table(['communication', 'waits', 'takes of a processor'], rows)}\n{bars(checks)}"
    )


def document(record):
    parts = [host(record.get("cases", [])), links(record.get("links", [])), waits(record.get("waits"))]
    return (
        "# How fast ranks exchange bytes\n\n"
        f"Measured by `make benchmark-communication` on {record['processor']} with {record['cores']} cores, on "
        f"{record['date']}: medians of {record['rounds']} rounds, in each of which all run one after another. "
        "`Benchmarks/README.md` says how.\n\n" + "\n".join(part for part in parts if part)
    )


def main():
    DOCUMENT.write_text(document(json.loads(RESULTS.read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
