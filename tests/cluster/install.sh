#!/usr/bin/env bash
# Installs a real Slurm with its accounting from Debian's packages; needs root, starts nothing.
set -euo pipefail
missing=""
for program in slurmctld slurmd slurmdbd sacct munged mariadbd; do
    command -v "$program" >/dev/null || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The cluster tests install Slurm: run them as root on Debian or Ubuntu." >&2
    exit 1
fi
# The packages' own daemons stay off, as the tests start theirs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends slurm-wlm slurmdbd munge mariadb-server
