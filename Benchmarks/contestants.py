"""The programs that are compared, and which of them can run here."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import machine
from timed_process import RunError, timed

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclasses.dataclass(frozen=True)
class Contestant:
    name: str
    framework: str
    precision: str
    program: tuple  # the command line up to the job's name
    options: tuple = ()

    def command(self, case, steps, threads, *more):
        rest = [f"--precision={self.precision}", f"--steps={steps}", f"--threads={threads}"]
        return [*self.program, *case.arguments, *rest, *self.options, *more]


def add_program(parser):
    parser.add_argument("--deepep", type=pathlib.Path, default=ROOT / ".build/release/deepep")


def check_program(parser, options):
    if not os.access(options.deepep, os.X_OK):
        parser.error(f"there is no program {options.deepep}: run make build")


def add_text(parser):
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / ".deepep/kingjames.txt")


def check_text(parser, options):
    if not options.text.exists():
        parser.error(f"there is no text {options.text}: run make setup, or name another with --text")


def deepep_command(program, vectors=None):
    """The command line up to the job's name."""
    return (str(program), "benchmark", *([f"--vectors={vectors}"] if vectors else []))


def deepep(command, precision):
    return Contestant(f"deepep {precision}", "deepep", precision, command, ("--json",))


def pytorch(python, mode, precision):
    options = ("--compile",) if mode == "compile" else ()
    program = (python, str(HERE / "peers/torch_step.py"))
    return Contestant(f"pytorch {mode} {precision}", "pytorch", precision, program, options)


def python_with_torch(given=None):
    """The first Python that can import torch; None if there is none."""
    candidates = [given] if given else [sys.executable, str(ROOT / ".deepep/torch/bin/python")]
    for python in candidates:
        try:
            found = subprocess.run([python, "-c", "import numpy, torch"], capture_output=True)
        except OSError:
            continue
        if found.returncode == 0:
            return python
    return None


def compile_problem(python):
    """Why torch.compile cannot run here; None if it can."""
    if not shutil.which("g++"):
        return "there is no g++"
    test = "import torch; torch.compile(lambda x: x.sin() + x)(torch.ones(64))"
    # In a cache of its own, as in the rounds: what an interrupted run left in that of the user made it crash.
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        run = subprocess.run([python, "-c", test], capture_output=True, text=True, env=environment)
    return None if run.returncode == 0 else run.stderr.strip().splitlines()[-1]


def precision_problem(contestant, case):
    """Why a program does not know its precision; None if it does."""
    try:
        timed(contestant.command(case, 0, 1))
    except RunError as error:
        return next((line for line in str(error).splitlines() if line.startswith("error:")), str(error))
    return None


def available(command, python, precisions, vectors=None):
    """The contestants that can run here, and a note for each one that cannot."""
    notes = []
    for precision in [precision for precision in precisions if not machine.has_units(precision, vectors)]:
        notes.append(f"{precision} was not measured: the processor has no {precision} units")
        precisions = [other for other in precisions if other != precision]
    modes = []
    if python:
        problem = compile_problem(python)
        modes = ["eager"] if problem else ["eager", "compile"]
        notes += [f"torch.compile was not measured: {problem}"] if problem else []
    else:
        notes.append("PyTorch was not measured: there is no Python with torch and numpy")
    contestants = []
    for precision in precisions:
        contestants.append(deepep(command, precision))
        contestants += [pytorch(python, mode, precision) for mode in modes]
    return contestants, notes
