# Boots a machine: sh launch.sh NAME PLACE SETUP CGROUP...
# Runs in a mount namespace of its own, where all that is mounted goes with the last process.
set -e
name=$1 place=$2 setup=$3
shift 3
# systemd-nspawn keeps the container below its own control group: give each machine one.
for group in "$@"; do
    echo $$ >"$group/cgroup.procs"
done
mkdir -p /run/systemd/nspawn
mount -t tmpfs -o mode=0755 flipless /run/systemd/nspawn
# Relative names: a path may have commas or colons, which would end an overlay option.
cd "$place"
mount -t overlay flipless -o lowerdir=lower,upperdir=upper,workdir=work root
[ -z "$setup" ] || SYSTEMD_OFFLINE=1 chroot root "/$setup"
# pidfd_getfd: a bundle's first adoption takes a listener over. CAP_SYS_RESOURCE: nginx's
# worker_rlimit_nofile.
exec systemd-nspawn --directory=root --boot --machine="$name" --private-network \
    --register=no --keep-unit --console=pipe \
    --system-call-filter=pidfd_getfd --capability=CAP_SYS_RESOURCE
