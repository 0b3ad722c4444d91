#!/bin/bash
# Ends the Slurm that start.sh WORKDIR has started, and its jobs.
scancel --user="$(id -un)" || true
sleep 1
kill $(cat "$1"/run/slurmd.pid "$1"/run/slurmctld.pid /run/munge/munged.pid) || true
