#!/usr/bin/env bash
# SLURM as Debian packs it, unless it is here; its daemons are not started. Status 3: it cannot run here, which is said.
set -euo pipefail

has() { command -v "$1" >/dev/null; }
no() { echo "No SLURM for tests here: $1" >&2; exit 3; }

[ "$(id -u)" = 0 ] || no "only root can install and start it"
[ -L /etc/slurm/slurm.conf ] || [ ! -e /etc/slurm/slurm.conf ] || no "/etc/slurm/slurm.conf is that of a real one"
folder=$(mktemp -d)
mount -t tmpfs -o size=1m tmpfs "$folder" 2>/dev/null || { rmdir "$folder"; no "a small disk cannot be mounted"; }
umount "$folder"
rmdir "$folder"
if has slurmctld && has slurmd && has sbatch && has munged; then exit 0; fi
has apt-get || no "without apt-get it cannot be installed"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -yq --no-install-recommends slurm-wlm slurmctld slurmd slurm-client munge; } >&2 ||
  no "apt-get cannot install it"
