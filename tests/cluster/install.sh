#!/usr/bin/env bash
# SLURM as Debian packs it, unless it is here; its daemons are not started. Status 3: it cannot be installed here.
set -euo pipefail

has() { command -v "$1" >/dev/null; }

if has slurmctld && has slurmd && has sbatch && has munged; then exit 0; fi
[ "$(id -u)" = 0 ] || { echo "SLURM is not here, and only root can install it" >&2; exit 3; }
has apt-get || { echo "SLURM is not here, and without apt-get it cannot be installed" >&2; exit 3; }
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -yq --no-install-recommends slurm-wlm slurmctld slurmd slurm-client munge; } >&2 ||
  { echo "SLURM is not here, and apt-get cannot install it" >&2; exit 3; }
