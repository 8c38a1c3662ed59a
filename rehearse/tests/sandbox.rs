//! Runs programs that servers run, in the real sandbox: in the unit of a bundle that `dist` has built, on a booted
//! instance. The same programs also run as `webapp` without a sandbox, as on stock EB. Both must have the same result.
//! Needs root on Linux, and `cc`.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

mod booted;
#[path = "sandbox/daemons.rs"]
mod daemons;
#[path = "sandbox/probe.rs"]
mod probe;
mod rig;

use std::thread;

use flipless_settings::FrontMode;
use probe::Probe;
use rehearse::image::Suite;

/// Lines of shell that a common server might run. Each must have the same output as without a sandbox.
const SAME: [&str; 14] = [
    "./probe/calls $(mktemp -d)",
    "sh -c 'echo a child' | sh -c 'cat; exit 0'",
    "cat /proc/sys/net/core/somaxconn /proc/sys/kernel/pid_max",
    "cat /proc/sys/crypto/fips_enabled",
    "date +%Z; TZ=America/New_York date +%Z; readlink -f /etc/localtime",
    "sha256sum /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/openssl.cnf /etc/resolv.conf /etc/hosts",
    "getent passwd root webapp; getent hosts localhost; getent ahosts 127.0.0.1",
    "cat /sys/devices/system/cpu/online /sys/class/net/lo/mtu; wc -l < /proc/cpuinfo; nproc",
    "echo ~; ls -d ~/.postgresql ~/.aws/config; touch ~/cache && rm ~/cache && echo written",
    "./probe/calls /run/daemon/socket ask; ./probe/calls /var/run/daemon/socket ask",
    "echo trace > /dev/udp/127.0.0.1/2000 && echo sent",
    "cat < /dev/tcp/169.254.169.254/8080",
    "./probe/postgres connect 'hostaddr=127.0.0.1 host=localhost user=x dbname=x sslmode=require'",
    "./probe/postgres connect 'hostaddr=127.0.0.1 host=localhost user=x dbname=x sslmode=verify-full \
     sslrootcert=/etc/pki/tls/certs/ca-bundle.crt'",
];

/// Lines of shell that compile at run time.
const CODE: [&str; 2] = ["./probe/calls - code", HOT];
/// A line that runs a real just-in-time compiler.
const HOT: &str = "luajit -e 'local s = 0; for i = 1, 1e6 do s = s + i % 7 end; print(s)'";

#[test]
fn a_server_can_do_in_its_sandbox_what_it_can_do_without() {
    if booted::unavailable() {
        return;
    }
    // Builds everything once, before two machines need it at the same time.
    let _ = (
        rig::bundle_with_short_limits(FrontMode::Nginx),
        probe::programs(),
    );
    thread::scope(|scope| {
        for suite in [Suite::Bookworm, Suite::Forky] {
            let _ = booted::image(suite);
            scope.spawn(move || try_on(suite));
        }
    });
}

fn try_on(suite: Suite) {
    let mut probe = Probe::boot(suite);
    daemons::start(&probe.rig);

    probe.deploy("").unwrap();
    assert_eq!(differences(&probe, &SAME), [""; 0], "{suite:?}");
    assert_eq!(probe.rig.say("cat /run/daemon/traces"), "trace\ntrace");
    looks_into_no_other_process(&probe);
    for line in CODE {
        let said = probe.inside(line);
        assert!(
            !said.contains(": ok") && said != probe.outside(line),
            "{line}: {said}"
        );
    }

    let starts_with_code = format!("args = [{HOT:?}]");
    let refused = probe.deploy(&starts_with_code).unwrap_err();
    assert!(
        refused.contains("hint: ") && refused.contains("`jit = true`"),
        "{refused}"
    );
    probe
        .deploy(&format!("{starts_with_code}\njit = true"))
        .unwrap();
    let all = [&SAME[..], &CODE].concat();
    assert_eq!(differences(&probe, &all), [""; 0], "{suite:?}");

    // Mounts a file over the kernel's limit. A change of the real limit would affect the whole machine.
    probe
        .rig
        .must("echo 0 > /run/zero; mount --bind /run/zero /proc/sys/user/max_user_namespaces");
    let refused = probe.deploy("").unwrap_err();
    assert!(
        refused.contains("user.max_user_namespaces is 0"),
        "{refused}"
    );
    assert!(refused.contains("hint: allow user namespaces"), "{refused}");
    assert_eq!(probe.inside("echo serves"), "serves");
}

/// The filter allows ptrace(2), for crash reporters. The kernel still refuses access to another process of the same
/// user, because the run has a user namespace of its own (cap_ptrace_access_check in commoncap.c).
fn looks_into_no_other_process(probe: &Probe) {
    probe
        .rig
        .must("systemd-run --quiet --unit other --property=User=webapp sleep infinity");
    let pid = probe
        .rig
        .say("systemctl show --value --property MainPID other");
    let said = probe.inside(&format!("./probe/calls {pid} seize"));
    let refused = "Operation not permitted";
    assert_eq!(
        said,
        format!("process_vm_readv: {refused}\nptrace: {refused}")
    );
}

/// Returns a text for each of the lines of shell whose outputs inside and outside of the sandbox differ.
fn differences(probe: &Probe, lines: &[&str]) -> Vec<String> {
    let compare = |line: &&str| {
        let (inside, outside) = (probe.inside(line), probe.outside(line));
        let rows = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
        let (inside, outside) = (rows(&inside), rows(&outside));
        let only = |rows: &[String], others: &[String]| -> Vec<String> {
            let rows = rows.iter().filter(|row| !others.contains(row));
            rows.cloned().collect()
        };
        let (here, there) = (only(&inside, &outside), only(&outside, &inside));
        let differ = inside != outside || inside.is_empty();
        differ.then(|| format!("{line}: {here:?} instead of {there:?}"))
    };
    lines.iter().filter_map(compare).collect()
}
