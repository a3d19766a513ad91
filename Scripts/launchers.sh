#!/bin/bash
# Brings the launchers of other systems that tests start ranks by: Open MPI's, MPICH's and Slurm's, from Debian.
# Without them those tests are left out, so a machine where they cannot be had is told, and goes on.
set -uo pipefail
packages=(openmpi-bin mpich slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge)

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
    missing+=("$package")
done
((${#missing[@]})) || exit 0
line="apt-get install -y --no-install-recommends ${missing[*]}"
if [[ $EUID -ne 0 ]]; then
  echo "launchers: tests of ${missing[*]} are left out; as root run: apt-get update && $line"
elif ! { apt-get update && DEBIAN_FRONTEND=noninteractive $line; } >/dev/null 2>&1; then
  echo "launchers: could not install ${missing[*]}: their tests are left out"
fi
