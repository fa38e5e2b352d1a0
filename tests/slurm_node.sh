#!/usr/bin/env bash
# Run a command on a Slurm cluster of one node that lives exactly as long as the command.
#
#   tests/slurm_node.sh FOLDER COMMAND [ARGUMENT...]
#
# Munge, the controller and the node daemon run in namespaces of their own (processes, network, mounts,
# host name): they meet no other Slurm of the machine, need no free port, see no other network than loopback,
# and the kernel ends them with this script however it ends. FOLDER keeps their logs and `jobs.txt`, one
# line for each job that Slurm has run. Root only; exit status 125 where the cluster cannot be had.
set -euo pipefail

if [ -z "${STFUSE_SLURM_NODE:-}" ]; then
    mkdir -p "$1"
    folder=$(cd "$1" && pwd)
    shift
    for program in munged munge slurmctld slurmd sbatch ip unshare; do
        command -v "$program" >/dev/null || { echo "there is no $program (Debian: munge slurmctld slurmd slurm-client iproute2)" >&2; exit 125; }
    done
    [ "$(id -u)" = 0 ] || { echo "only root can start a node" >&2; exit 125; }
    unshare --mount --net --pid --uts --fork --mount-proc true 2>/dev/null || { echo "this machine allows no namespaces" >&2; exit 125; }
    export STFUSE_SLURM_NODE=$folder
    # With its starter the whole node ends, even where that was killed.
    exec setpriv --pdeathsig KILL unshare --mount --net --pid --uts --fork --kill-child --mount-proc "$0" "$@"
fi

folder=$STFUSE_SLURM_NODE
etc=$folder/etc
# Nothing of an earlier node is taken up.
rm -rf "$etc" "$folder/log" "$folder/run" "$folder/spool" "$folder/jobs.txt"
mkdir -p "$etc" "$folder/log" "$folder/run" "$folder/spool/controller" "$folder/spool/node"
chmod 755 "$folder" "$folder/run" "$etc"
hostname node
ip link set lo up
# The resolver gives a daemon no address to listen on where a machine has 127.0.0.1 alone.
ip address add 127.0.0.2/8 dev lo

# The key is made anew: munge refuses to share one that others could read.
(umask 077 && head -c 1024 /dev/urandom >"$etc/munge.key")
printf '127.0.0.1 localhost\n127.0.0.2 node\n' >"$etc/hosts"
printf 'CgroupAutomount=no\n' >"$etc/cgroup.conf"
# Placeholders in place of GPUs, so that jobs that ask for one are placed.
for gpu in 0 1 2 3; do [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3; done
printf 'NodeName=node Name=gpu File=%s\n' "$folder/gpu[0-3]" >"$etc/gres.conf"
cat >"$etc/slurm.conf" <<EOF
ClusterName=test
SlurmctldHost=node(127.0.0.2)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/run/munge.socket
CredType=cred/munge
SlurmctldPidFile=$folder/run/slurmctld.pid
SlurmdPidFile=$folder/run/slurmd.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdLogFile=$folder/log/slurmd.log
StateSaveLocation=$folder/spool/controller
SlurmdSpoolDir=$folder/spool/node
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.txt
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
# Without accounting squeue alone tells how a job ended: it must still know when it is asked.
MinJobAge=600
JobRequeue=0
GresTypes=gpu
NodeName=node NodeAddr=127.0.0.2 CPUs=4 RealMemory=16000 Gres=gpu:4 State=UNKNOWN
PartitionName=main Nodes=node Default=YES MaxTime=INFINITE State=UP
EOF
# A job's inner srun finds the configuration only at its built-in place.
mkdir -p /etc/slurm
mount --bind "$etc" /etc/slurm
mount --bind "$etc/hosts" /etc/hosts
unset SLURM_CONF

fail() {
    echo "$1; the last lines of the logs:" >&2
    tail --lines 8 "$folder"/log/*.log >&2 || true
    exit 125
}
until_true() {
    local deadline=$((SECONDS + 20))
    until timeout 5 "$@" >/dev/null 2>&1; do
        if ((SECONDS > deadline)); then return 1; fi
        sleep 0.1
    done
}
is_ready() { sinfo --noheader --format=%t | grep -qx idle; }
export -f is_ready

munged --force --key-file="$etc/munge.key" --socket="$folder/run/munge.socket" --pid-file="$folder/run/munged.pid" \
    --log-file="$folder/log/munged.log" --seed-file="$folder/run/munged.seed" || fail "munged did not start"
slurmctld || fail "slurmctld did not start"
until_true scontrol ping || fail "slurmctld does not answer"
slurmd || fail "slurmd did not start"
until_true bash -c is_ready || fail "the node did not become idle"

# Not exec: this shell is process 1 here, and the kernel ends the daemons when it ends.
status=0
"$@" || status=$?
exit "$status"
