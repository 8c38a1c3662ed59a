# Boots a machine: sh launch.sh NAME PLACE SETUP CGROUP...
# Runs in a separate mount namespace. All mounts in this namespace end with its last process.
set -e
name=$1 place=$2 setup=$3
shift 3
# With --keep-unit, systemd-nspawn keeps the container below the control group in which systemd-nspawn itself runs. So
# each machine gets a separate control group.
for group in "$@"; do
    echo $$ >"$group/cgroup.procs"
done
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 flipless /run/systemd/nspawn
# The names are relative, because a comma or a colon in a path would end an overlay option.
cd "$place"
mount -t overlay flipless -o lowerdir=lower,upperdir=upper,workdir=work root
[ -z "$setup" ] || SYSTEMD_OFFLINE=1 chroot root "/$setup"
# The agent needs pidfd_getfd to take over a listener. nginx needs CAP_SYS_RESOURCE for worker_rlimit_nofile.
exec systemd-nspawn --directory=root --boot --machine="$name" --private-network \
    --register=no --keep-unit --console=pipe \
    --system-call-filter=pidfd_getfd --capability=CAP_SYS_RESOURCE
