#!/bin/sh
# Installs Debian's Slurm and MUNGE for the tests on a real Slurm; needs root and apt-get.
# Nothing is started: the tests bring up daemons of their own, in a temporary folder.
# Ends with 0 when both are there, else with 3 and the reason on the last line of stderr.
set -eu

are_there() {
    for program in slurmctld slurmd sbatch squeue scancel scontrol munged; do
        command -v "$program" >/dev/null 2>&1 || [ -x "/usr/sbin/$program" ] || return 1
    done
}

give_up() {
    echo "$1" >&2
    exit 3
}

if are_there; then
    exit 0
fi
[ "$(id -u)" = 0 ] || give_up "Slurm is not installed, and only root can install it."
command -v apt-get >/dev/null 2>&1 || give_up "Slurm is not installed, and there is no apt-get."

# Package scripts must not start the system's own daemons.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q -y update >&2 || give_up "apt-get update failed: no way to the packages of Debian."
apt-get -q -y install --no-install-recommends slurm-wlm munge >&2 ||
    give_up "apt-get could not install slurm-wlm and munge."
are_there || give_up "slurm-wlm is installed, but its programs are not where they are expected."
