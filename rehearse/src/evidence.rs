//! Saves the state of an instance while requests wait: the listeners, the processes that hold each socket, and nginx's
//! files. This helps to find the cause of a rare fault.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::machine::{Command, Handle, Instance, Machine};
use crate::progress;

/// The time limit of one command. On an overloaded instance a command may take long.
const LIMIT: Duration = Duration::from_secs(20);

/// The files, each with the command that prints its content.
const COMMANDS: [(&str, &str); 7] = [
    // Recv-Q of a listener is the number of connections that no process has accepted.
    ("listeners.txt", "date +%T.%N; ss -ltnpe; ss -lxpe"),
    (
        "connections.txt",
        "ss -tanpoi '( sport = :80 or sport = :443 or dport = :5000 )'",
    ),
    ("counters.txt", "nstat -az; cat /proc/loadavg"),
    (
        // The `fdinfo` of an epoll descriptor shows which listeners a worker waits for.
        "processes.txt",
        "for pid in 1 $(pgrep nginx); do echo; tr '\\0' ' ' </proc/$pid/cmdline; echo; \
         cd /proc/$pid && cat stat wchan syscall stack; ls -l fd; \
         for fd in fd/*; do case $(readlink $fd) in *eventpoll*) cat fdinfo/${fd#fd/};; esac; done; done",
    ),
    (
        "systemd.txt",
        "systemctl show flipless-front.service flipless-front.socket nginx.service; \
         head -n 50 /run/flipless/front-*; cat /proc/1/net/tcp /proc/1/net/unix",
    ),
    (
        "journal.txt",
        "journalctl -n 500 -o short-precise --no-pager; tail -n 50 /var/log/nginx/error.log",
    ),
    ("etc-nginx.txt", "ls -lR --time-style=full-iso /etc/nginx"),
];

/// Returns a witness for [`Load::when_late`](crate::load::Load::when_late). The witness saves the state of `machine`.
/// Removes the evidence of an earlier load.
pub fn witness(machine: &Machine) -> impl Fn(usize) + Send + Sync + 'static {
    let (handle, folder) = (machine.handle(), machine.evidence());
    // Usually the folder does not exist.
    let _ = fs::remove_dir_all(&folder);
    move |number| {
        let folder = folder.join(number.to_string());
        match save(handle, &folder) {
            Ok(()) => {
                let what = format!(
                    "the instance's state while requests wait: {} (load average of this machine: {})",
                    folder.display(),
                    load_average(),
                );
                progress::warning("Saved", what);
            }
            Err(error) => {
                let what = format!("the instance's state in {}: {error}", folder.display());
                progress::failure("Not saved", what);
            }
        }
    }
}

/// The number of runnable tasks, as a mean over one minute (proc_loadavg(5)). With many more tasks than processors, the
/// machine itself makes clients wait.
fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn save(handle: Handle, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, line) in COMMANDS {
        let command = Command::shell(line).with_merged_output().within(LIMIT);
        // A command may fail, for example because the instance reboots. The output of the other commands is still
        // useful.
        let said = match handle.run(&command) {
            Ok(output) => output.stdout,
            Err(error) => error.to_string(),
        };
        fs::write(folder.join(name), said)?;
    }
    let nginx = handle.root().join("etc/nginx");
    let copied = std::process::Command::new("cp")
        .arg("-rp")
        .arg(nginx)
        .arg(folder.join("nginx"))
        .output()?;
    match copied.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&copied.stderr))),
    }
}
