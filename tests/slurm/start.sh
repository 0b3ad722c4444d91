#!/bin/bash
# A real Slurm of one node for the tests: Debian, slurm-wlm and munge installed, run as root, no systemd needed.
# Usage: start.sh WORKDIR; stop.sh WORKDIR ends what it started.
set -euo pipefail
OURS="# Made by unseen's tests"
if [ -e /etc/slurm/slurm.conf ] && [ "$(head -1 /etc/slurm/slurm.conf)" != "$OURS" ]; then
  echo "/etc/slurm/slurm.conf is there: this machine has a Slurm of its own" >&2
  exit 1
fi
W=$1; mkdir -p "$W"/{state,spool,log,run} /etc/slurm
H=$(hostname -s)
# As on a cluster, what is left of a job's cgroup is killed when its first process ends; else Slurm loses sight of it.
TRACK=proctrack/linuxproc
if [ -w /sys/fs/cgroup/freezer ]; then
  TRACK=proctrack/cgroup
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > /etc/slurm/cgroup.conf
fi
# munge wants its key and folders owned by its own user
[ -s /etc/munge/munge.key ] || /usr/sbin/mungekey --create
chown munge:munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key
install -d -o munge -g munge -m 0755 /run/munge
install -d -o munge -g munge -m 0700 /var/lib/munge /var/log/munge
cat > /etc/slurm/slurm.conf <<CONF
$OURS
ClusterName=local
SlurmctldHost=$H
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$W/state
SlurmdSpoolDir=$W/spool
SlurmctldPidFile=$W/run/slurmctld.pid
SlurmdPidFile=$W/run/slurmd.pid
SlurmctldLogFile=$W/log/slurmctld.log
SlurmdLogFile=$W/log/slurmd.log
ProctrackType=$TRACK
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
MinJobAge=3600
OverTimeLimit=0
KillWait=5
DefMemPerCPU=512
GresTypes=gpu
NodeName=$H NodeAddr=127.0.0.1 CPUs=16 RealMemory=$(awk '/MemTotal/{print int($2/1024*0.9)}' /proc/meminfo) Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=$H Default=YES MaxTime=INFINITE State=UP
CONF
# Two GPUs without a driver: any character devices will do.
cat > /etc/slurm/gres.conf <<CONF
NodeName=$H Name=gpu File=/dev/zero
NodeName=$H Name=gpu File=/dev/full
CONF
runuser -u munge -- /usr/sbin/munged
sleep 1
munge -n | unmunge | head -1
/usr/sbin/slurmctld
/usr/sbin/slurmd
sleep 3
sinfo -o '%P %N %t %G %c %m'
