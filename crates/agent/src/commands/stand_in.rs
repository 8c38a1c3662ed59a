//! The stand-ins: idle processes that EB stops and starts in place of the real processes.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context, Result};
use flipless_settings::{Handover, Server, Settings, layout, placeholder};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::deployment::flipped::OF_ANOTHER_INSTANCE;
use crate::instance::memory;
use crate::instance::paths::FLIPPED;

/// The file with the boot's identity. Each boot has another identity (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The signals that do not stop nginx (nginx's control.html), such as the SIGUSR1 that logrotate's `systemctl kill -s
/// USR1 nginx` sends. A stand-in ignores these signals. Without a handler, most of them would end the stand-in.
const OF_NO_USE: [i32; 4] = [SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH];

/// The process that a stand-in replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandIn {
    Web,
    Nginx,
}

/// Waits for a stop signal and returns. `KillSignal=` of nginx.service sends SIGQUIT. Without a handler, SIGQUIT
/// would cause a core dump, and systemd would record a failure.
pub fn wait(service: StandIn) -> Result<()> {
    // This comes first, because systemd may send a signal as soon as the process exists. The server that
    // `become_server` executes does not inherit the handlers (execve(2)).
    for signal in OF_NO_USE {
        flag::register(signal, Arc::default()).context("cannot handle signals")?;
    }
    if service == StandIn::Web && is_alone(Path::new("/"), &env::current_exe()?) {
        return become_server(Path::new(FLIPPED));
    }
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGQUIT]).context("cannot handle the stop signals")?;
    if service == StandIn::Nginx {
        // Only nginx.service waits for this message. EB writes web.service with Type=simple.
        sd_notify::notify(&[NotifyState::Ready]).context("cannot send READY=1 to systemd")?;
    }
    memory::drop_code_pages();
    signals.forever().next();
    Ok(())
}

/// Returns whether this process has to become the server, for example after `flipless uninstall`. Without flipless's
/// drop-in, EB's own unit starts the program in the bundle. With the drop-in, the unit starts the installed agent.
/// Returns false if the bundle was marked in this boot, because the bundle's deployment is then still in progress. (A
/// reboot ends a deployment.) Also returns false if this instance was started from an image of another instance, and
/// the bundle is from that instance.
fn is_alone(root: &Path, program: &Path) -> bool {
    let place = |path: &str| root.join(path.trim_start_matches('/'));
    let read = |path: &str| fs::read_to_string(place(path)).unwrap_or_default();
    let marker = read(&format!("{FLIPPED}/{}", layout::MARKER));
    let line = marker.lines().nth(1);
    let is_marked = line == Some(read(BOOT_ID).trim()) || line == Some(OF_ANOTHER_INSTANCE);
    program != Path::new(layout::AGENT) && place(FLIPPED).exists() && !is_marked
}

/// Executes the bundle's server in place of this process, with the port in `PORT`, as on stock EB.
fn become_server(bundle: &Path) -> Result<()> {
    let file = bundle.join(layout::SETTINGS_FILE);
    let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let server = Settings::from_json(&content)?.server;
    let port = env::var("PORT").unwrap_or_else(|_| server.port.to_string());
    let mut command = command(bundle, &server, &port);
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// Returns the command that starts the server without a relay: its executable, or a shell with its command line. A
/// server that usually runs behind the relay gets the port in the same arguments and variables as from the relay.
fn command(bundle: &Path, server: &Server, port: &str) -> Command {
    let mut command = match &server.command {
        None => Command::new(bundle.join("bin").join(&server.bin)),
        Some(line) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", line]).current_dir(bundle);
            shell
        }
    };
    command
        .env("FLIPLESS_HEALTH_PATH", &server.health_path)
        .env("PORT", port);
    if server.handover == Handover::Socket {
        command.args(&server.args);
        return command;
    }
    command.args(server.args.iter().map(|word| placeholder::fill(word, port)));
    let variables = server.port_variables.iter();
    let pairs = variables.filter_map(|variable| variable.split_once('='));
    command.envs(pairs.map(|(name, value)| (name, placeholder::fill(value, port))));
    command
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn words(server: &Server) -> Vec<String> {
        let command = command(Path::new("/srv/shop"), server, "5000");
        let set = command
            .get_envs()
            .filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?)));
        let arguments = command.get_args().filter_map(|word| word.to_str());
        set.chain(arguments.map(str::to_owned)).collect()
    }

    #[test]
    fn without_its_relay_a_server_gets_its_port_in_the_same_places() {
        let mut server = Server {
            handover: Handover::Port,
            args: vec!["--port={port}".into(), "{{port}}".into()],
            port_variables: vec!["HTTP_PORT={port}".into(), "URL=h:{port}".into()],
            ..Server::default()
        };
        let set = [
            "FLIPLESS_HEALTH_PATH=/health",
            "HTTP_PORT=5000",
            "PORT=5000",
            "URL=h:5000",
        ];
        assert_eq!(
            words(&server),
            [&set[..], &["--port=5000", "{port}"]].concat()
        );
        server.handover = Handover::Socket;
        server.port_variables.clear();
        let set = ["FLIPLESS_HEALTH_PATH=/health", "PORT=5000"];
        assert_eq!(
            words(&server),
            [&set[..], &["--port={port}", "{{port}}"]].concat()
        );
    }

    #[test]
    fn a_stand_in_is_alone_without_the_drop_in_and_without_a_marker() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        };
        put(BOOT_ID, "one\n");
        let own = Path::new("/var/app/current/bin/flipless");
        assert!(!is_alone(root.path(), own), "no bundle");
        put("/var/app/current/Procfile", "");
        assert!(is_alone(root.path(), own));
        assert!(!is_alone(root.path(), Path::new(layout::AGENT)));
        put(&format!("{FLIPPED}/{}", layout::MARKER), "a-1\none\n");
        assert!(!is_alone(root.path(), own));
        put(BOOT_ID, "two\n");
        assert!(
            is_alone(root.path(), own),
            "the reboot has ended its deployment"
        );
        let marker = format!("{FLIPPED}/{}", layout::MARKER);
        put(&marker, &format!("\n{OF_ANOTHER_INSTANCE}\n"));
        assert!(!is_alone(root.path(), own));
    }
}
