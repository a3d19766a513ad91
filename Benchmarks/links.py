"""All-reduces over links between hosts, beside OpenMPI's and gloo's on the same links; see README.md.

Hosts are network namespaces, which a program of the tests joins by links with a rate and a delay.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile

from contestants import python_with_torch
from printed_report import report_in

PEERS = pathlib.Path(__file__).with_name("peers")
TIME_LIMIT_SECONDS = 120
HOSTS = 2
RANKS_PER_HOST = 2
MEGABITS = 1000
MICROSECONDS = 500


def address(host):
    return f"10.77.0.{host + 1}"


class Laboratory:
    """Hosts, for as long as the program runs that makes them."""

    def __init__(self, program, folder, megabits):
        self.folder = pathlib.Path(folder)
        words = [str(program), "links", str(HOSTS), str(megabits), str(MICROSECONDS)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        found = json.loads(self.process.stdout.readline() or "{}")
        if not isinstance(found, list):
            self.close()
            raise RuntimeError(found.get("refusal", "the laboratory does not start"))
        self.networks = found

    def sent_bytes(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def on(self, host, words):
        """The words that run a command on a host."""
        return ["nsenter", f"--net={self.networks[host]}", *words]

    def script(self, name, text):
        path = self.folder / name
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return str(path)


@contextlib.contextmanager
def laboratory(program, megabits=MEGABITS):
    """The hosts, or None with the reason."""
    if not shutil.which("nsenter") or not os.access(program, os.X_OK):
        yield None, f"there is no nsenter, or no {program}"
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            links = Laboratory(program, folder, megabits)
        except (RuntimeError, ValueError, OSError) as error:
            yield None, str(error)
            return
        try:
            yield links, None
        finally:
            links.close()


# The contestants: what starts each, as a list of commands that run at the same time.


# The hosts of the laboratory are on one machine, whose memory UCX would share. It finds devices in /sys, which shows
# those of the network in which it was mounted.
UCX = "export UCX_TLS=tcp,self UCX_NET_DEVICES=link0\n"
WITH_DEVICES = "unshare --mount sh -c 'mount -t sysfs sysfs /sys && exec sh -c \"$0\"' \"$2\""


def deepep(links, program, count, rounds, *options, communication="tcp"):
    agent = links.script("agent", UCX + "case $1 in\n" + "".join(
        f"host{host}) exec nsenter --net={links.networks[host]} {WITH_DEVICES} ;;\n" for host in range(HOSTS)
    ) + "esac\n")
    hosts = ",".join(f"host{host}:{RANKS_PER_HOST}" for host in range(HOSTS))
    return [links.on(0, [
        str(program), "launch", "-n", str(HOSTS * RANKS_PER_HOST), "--hosts", hosts, "--agent", agent,
        "--address", address(0), "--", "benchmark", "all-reduce", "--communication", communication,
        "--bytes", str(count), "--rounds", str(rounds), "--json", *options,
    ])]


def under_mpirun(links, command):
    """Ranks that run a command, started by Open MPI's mpirun on all hosts."""
    agent = links.script("mpi-agent", "host=${1#mpi}; shift\ncase $host in\n" + "".join(
        f"{host}) exec nsenter --net={links.networks[host]} "
        f"unshare -u sh -c \"hostname mpi{host}; $*\" ;;\n" for host in range(HOSTS)
    ) + "esac\n")
    hosts = ",".join(f"mpi{host}:{RANKS_PER_HOST}" for host in range(HOSTS))
    words = [
        "mpirun", "--oversubscribe", "-H", hosts, "-n", str(HOSTS * RANKS_PER_HOST),
        "--mca", "plm", "rsh", "--mca", "plm_rsh_agent", agent, "--mca", "oob_tcp_if_include", "link0",
        "--mca", "pml", "ob1", "--mca", "btl", "self,vader,tcp", "--mca", "btl_tcp_if_include", "link0",
        *command,
    ]
    start = links.script("mpi", f"hostname mpi0\nexec {' '.join(words)}\n")
    return [links.on(0, ["unshare", "-u", start])]


def open_mpi(links, program, count, rounds):
    return under_mpirun(links, [str(program), "all-reduce", str(count), str(rounds)])


def deepep_over_mpi(links, program, count, rounds, communication, *options):
    return under_mpirun(links, [
        str(program), "benchmark", "all-reduce", "--communication", communication, "--bytes", str(count),
        "--rounds", str(rounds), "--json", *options,
    ])


def gloo(links, python, count, rounds, port):
    ranks = HOSTS * RANKS_PER_HOST
    return [
        links.on(rank // RANKS_PER_HOST, [
            "env", "GLOO_SOCKET_IFNAME=link0", python, str(PEERS / "gloo_collective.py"), "all-reduce", str(ranks),
            str(count), str(rank), str(port), address(0), str(rounds),
        ])
        for rank in range(ranks)
    ]


def contestants(links, program, mpi, python, rounds):
    """A function from the number of bytes to commands, by name."""
    found = {
        name: lambda count, options=options: deepep(links, program, count, rounds, *options)
        for name, options in {
            "flat ring": ("--algorithm", "ring"),
            "hierarchical": ("--algorithm", "hierarchical"),
            "hierarchical, bfloat16": ("--algorithm", "hierarchical", "--wire", "bfloat16"),
            "hierarchical, int8": ("--algorithm", "hierarchical", "--wire", "int8"),
            "as the table says": (),
        }.items()
    }
    found["hierarchical, ucx"] = lambda count: deepep(
        links, program, count, rounds, "--algorithm", "hierarchical", communication="ucx")
    if mpi:
        found["hierarchical, mpi"] = lambda count: deepep_over_mpi(
            links, program, count, rounds, "mpi", "--algorithm", "hierarchical")
        found["mpi-collectives"] = lambda count: deepep_over_mpi(links, program, count, rounds, "mpi-collectives")
        found["OpenMPI"] = lambda count: open_mpi(links, mpi, count, rounds)
    if python:
        ports = iter(range(29500, 40000))
        found["gloo"] = lambda count: gloo(links, python, count, rounds, next(ports))
    return found


def report(commands, folder):
    """What the first of some programs reports; the text of its errors if one of them fails."""
    # A table of algorithms that somebody has measured here would not be the packaged one.
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder), "OMPI_ALLOW_RUN_AS_ROOT": "1",
                   "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    running = [
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            start_new_session=True)
        for words in commands
    ]
    try:
        outputs = [one.communicate(timeout=TIME_LIMIT_SECONDS) for one in running]
    except subprocess.TimeoutExpired:
        for one in running:
            os.killpg(one.pid, signal.SIGKILL)
            one.communicate()
        return f"took more than {TIME_LIMIT_SECONDS} s"
    for one, (_, errors) in zip(running, outputs):
        if one.returncode != 0:
            return errors[-300:].strip() or f"ended with status {one.returncode}"
    try:
        return report_in(outputs[0][0])
    except ValueError as error:
        return str(error)


def case(links, found, count, rounds):
    """The reports of each contestant; another one goes first in each round."""
    names = list(found)
    reports = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            before = links.sent_bytes()
            one = report(found[name](count), links.folder)
            if isinstance(one, str):
                print(f"  {name} failed: {one}", flush=True)
                continue
            one["link_bytes"] = [after - first for after, first in zip(links.sent_bytes(), before)]
            reports[name].append(one)
    return {name: all_of for name, all_of in reports.items() if all_of}


def figures(reports):
    """Medians over the rounds, and times by that of the flat ring, round by round."""
    found = {}
    ring = reports.get("flat ring", [])
    for name, rounds in reports.items():
        one = {
            "seconds": statistics.median(it["seconds_median"] for it in rounds),
            "seconds_best": min(it["seconds_best"] for it in rounds),
        }
        one |= {name: rounds[0][name] for name in ("host_bytes", "link_bytes", "version") if name in rounds[0]}
        ratios = [it["seconds_median"] / first["seconds_median"] for it, first in zip(rounds, ring)]
        if ratios:
            one["by_flat_ring"] = statistics.median(ratios)
        found[name] = one
    return found


def ratio(reports, name, other):
    """The median over the rounds of a time by another; None without both."""
    pairs = list(zip(reports.get(name, []), reports.get(other, [])))
    return statistics.median(a["seconds_median"] / b["seconds_median"] for a, b in pairs) if pairs else None


def bars(count, reports):
    """The text of each bar of large all-reduces, and whether it is kept."""
    if count != 64 << 20:
        return []
    checks = []
    for name, other, limit in [
        ("hierarchical", "flat ring", 0.73), ("hierarchical", "gloo", 0.73), ("hierarchical", "OpenMPI", 0.55),
        ("hierarchical, bfloat16", "flat ring", 0.40), ("hierarchical, ucx", "hierarchical", 1.25),
        ("hierarchical, ucx", "OpenMPI", 0.75), ("hierarchical, mpi", "hierarchical", 1.25),
        ("hierarchical, mpi", "OpenMPI", 0.75),
    ]:
        found = ratio(reports, name, other)
        if found is not None:
            text = f"{name} at most {limit:.2f} of the time of {other}: {found:.3f}"
            checks.append((text, found <= limit))
    ring, own = (reports.get(name, [{}])[0].get("host_bytes") for name in ("flat ring", "hierarchical"))
    if ring and own:
        checks.append((
            f"bytes that leave each host, a third less than of the flat ring: {own} of {ring}",
            all(3 * mine == 2 * theirs for mine, theirs in zip(own, ring))))
    return checks + [
        engine_bytes(reports, name) for name in ("hierarchical, ucx", "hierarchical, mpi")
        if {name, "hierarchical"} <= reports.keys()
    ]


def engine_bytes(reports, name):
    """The bar of what an engine sends over a link, beside tcp with the same algorithm."""
    sent, own = (statistics.median(sum(it["link_bytes"]) for it in reports[one]) for one in (name, "hierarchical"))
    return f"{name}: bytes on the links within 3 % of those over tcp: {sent / own:.3f}", abs(sent / own - 1) <= 0.03


def print_case(count, found, checks):
    print(f"all-reduce, {HOSTS} hosts of {RANKS_PER_HOST} ranks, {MEGABITS} Mbit/s, {MICROSECONDS} us, {count} bytes")
    for name, one in found.items():
        more = f", {one['by_flat_ring']:.3f} of the flat ring" if "by_flat_ring" in one else ""
        print(f"  {name:24} {one['seconds'] * 1e3:10.2f} ms, best {one['seconds_best'] * 1e3:.2f} ms{more}")
    for bar, is_kept in checks:
        print(f"  {'kept' if is_kept else 'MISSED'}: {bar}", flush=True)


def measure(program, mpi, sizes, rounds):
    """The cases of all sizes; one with the reason if there can be no links here."""
    helper = pathlib.Path(program).with_name("DeepEPCommunicationRank")
    with laboratory(helper) as (links, reason):
        if links is None:
            print(f"no hosts to measure links between: {reason}", flush=True)
            return [{"skipped": reason}]
        cases = []
        for count in sizes:
            # A run repeats what is small a thousand times in each of its rounds.
            each = 5 if count > 8 << 20 else 3
            found = contestants(links, program, mpi, python_with_torch(), each)
            reports = case(links, found, count, rounds)
            medians, checks = figures(reports), bars(count, reports)
            print_case(count, medians, checks)
            cases.append({
                "collective": "all-reduce", "hosts": HOSTS, "ranks": HOSTS * RANKS_PER_HOST,
                "megabits_per_second": MEGABITS, "delay_microseconds": MICROSECONDS, "bytes": count,
                "figures": medians, "bars": dict(checks),
            })
        return cases
