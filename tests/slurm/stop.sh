#!/bin/bash
# Ends the Slurm that start.sh WORKDIR has started, and its jobs. Its configuration goes too: with one and no Slurm
# that answers, each start of Snakemake waits nine seconds, since the executor's plugin asks for MinJobAge.
scancel --user="$(id -un)" || true
sleep 1
kill $(cat "$1"/run/slurmd.pid "$1"/run/slurmctld.pid /run/munge/munged.pid) || true
rm -f /etc/slurm/{slurm,gres,cgroup}.conf
