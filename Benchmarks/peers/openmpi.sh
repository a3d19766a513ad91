#!/bin/bash
# Brings OpenMPI for make benchmark-communication, where apt can; says why not otherwise.
set -euo pipefail

if command -v mpicc >/dev/null && command -v mpirun >/dev/null; then exit 0; fi
skip() { echo "benchmark: OpenMPI is not measured: $1" >&2; exit 0; }
command -v apt-get >/dev/null || skip "it is not installed, and there is no apt-get (mpicc and mpirun are looked for)"
[ "$(id -u)" = 0 ] || skip "it is not installed, and only root can install openmpi-bin and libopenmpi-dev"
echo "benchmark: installing openmpi-bin and libopenmpi-dev"
export DEBIAN_FRONTEND=noninteractive
packages="openmpi-bin libopenmpi-dev"
# Without lists of packages apt knows none; they are only brought if it needs them.
apt-get install -qq --no-install-recommends -y $packages >/dev/null 2>&1 ||
  { apt-get update -qq >/dev/null 2>&1 && apt-get install -qq --no-install-recommends -y $packages >/dev/null; } ||
  skip "apt-get cannot install openmpi-bin and libopenmpi-dev"
