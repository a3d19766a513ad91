#!/bin/bash
# Runs a command under srun, in a cluster of two nodes on this host that lives as long as this script.
# slurm.sh FOLDER FIRST_PORT SRUN_ARGUMENTS...
# Debian's slurmctld, slurmd, slurm-client and munge; needs root, no systemd and no files of the system.
set -euo pipefail
folder=$1 port=$2
shift 2
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
unset ${!SLURM_@} ; export SLURM_CONF=$folder/slurm.conf
host=$(hostname -s)
chmod 755 "$folder"
# What PMIx keeps for the ranks of a node has the same name on both.
mkdir -p "$folder"/{state,n1,n2,temporary-n1,temporary-n2,munge}
chmod 700 "$folder/munge"
head -c 1024 /dev/urandom > "$folder/munge/key"
chmod 400 "$folder/munge/key"
cat > "$SLURM_CONF" <<C
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/%n/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
TmpFS=$folder/temporary-%n
ReturnToService=2
SlurmctldParameters=enable_configless
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 1)) CPUs=$(nproc) State=UNKNOWN
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=$(nproc) State=UNKNOWN
PartitionName=p Nodes=n1,n2 Default=YES State=UP
C
sed -i '/enable_configless/d' "$SLURM_CONF"
daemons=()
stop() {
  kill "${daemons[@]}" 2>/dev/null || true
  sleep 0.2
  kill -9 "${daemons[@]}" 2>/dev/null || true
}
trap stop EXIT
munged -F --force --key-file="$folder/munge/key" --socket="$folder/munge.socket" \
  --pid-file="$folder/munge/pid" --seed-file="$folder/munge/seed" --log-file="$folder/munge/log" \
  > "$folder/munged.out" 2>&1 &
daemons+=($!)
for _ in $(seq 100); do [[ -S $folder/munge.socket ]] && break; sleep 0.05; done
slurmctld -D > "$folder/slurmctld.out" 2>&1 &
daemons+=($!)
for node in n1 n2; do
  slurmd -D -N $node > "$folder/slurmd-$node.out" 2>&1 &
  daemons+=($!)
done
for _ in $(seq 200); do
  [[ $(sinfo -h -o '%T %D' 2>/dev/null) == "idle 2" ]] && break
  sleep 0.1
done
srun "$@"
