//! The relay: runs in front of a server that only reads `$PORT`.
//!
//! The relay chooses a free port, starts the server with this `PORT`, waits until the server is healthy on it, and
//! passes requests on. Two versions can serve side by side because each has its own port. The library does
//! the rest: it accepts connections, sends READY=1, and drains. After the drain, the relay sends SIGTERM to the
//! server. If the server ends by itself, the relay ends, too, and systemd starts both again.

mod answer;
mod command_line;
mod exchange;
mod expectation;
mod fault;
mod fields;
mod forward;
mod health;
mod port;
mod request;
mod server;

use std::env;
use std::fmt::Display;
use std::pin::{Pin, pin};
use std::process::{self, ExitCode};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless::{ServeError, defaults};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::timeout;

use command_line::CommandLine;
use forward::Forward;
use port::ClaimedPort;
use server::ServerProcess;

const USAGE: &str =
    "usage: flipless-relay [NAME=VALUE]… PROGRAM [ARGUMENT]… (the unit of a run calls the relay)";

/// How long the relay passes on the answers of a server that has ended. systemd starts the next server after that.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

#[tokio::main]
async fn main() -> ExitCode {
    let Some(line) = CommandLine::read(env::args_os().skip(1)) else {
        eprintln!("error: {USAGE}");
        return ExitCode::from(2);
    };
    match relay(&line).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn relay(line: &CommandLine) -> Result<()> {
    let path: Option<String> = of_unit("FLIPLESS_HEALTH_PATH")?;
    let path = path.unwrap_or_else(|| defaults::HEALTH_PATH.into());
    let statuses = of_unit("FLIPLESS_HEALTH_STATUSES")?.unwrap_or_default();
    let limit = match of_unit("FLIPLESS_START_SECONDS")? {
        Some(seconds) => Duration::from_secs(seconds),
        None => defaults::START,
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let port = ClaimedPort::above(of_unit("PORT")?.unwrap_or(defaults::PORT))?;
    let mut server = ServerProcess::start(line, port.number)?;
    tokio::select! {
        healthy = health::wait(port.number, &path, &statuses, limit) => healthy?,
        ended = server.ended() => bail!("the server ended before it was healthy: {ended}"),
        // After this `select!`, the library waits for SIGTERM.
        _ = terminate.recv() => return server.stop().await,
    }
    let direct = env::var("FLIPLESS_FRONT").is_ok_and(|front| front == "direct");
    let (end, ended) = watch::channel(false);
    let forward = Forward::new(port.number, direct, ended);
    let library = flipless::Server::new().health_path(path).proxy();
    let mut serving = pin!(library.serve(forward));
    tokio::select! {
        served = &mut serving => served.context("the relay can't serve")?,
        how = server.ended() => {
            eprintln!("error: the server ended: {how}");
            end.send_replace(true);
            pass_last_answers(serving).await;
            // A return from this function could close a connection while the relay still accepts others. nginx would
            // then send its second try to this relay. `exit` closes everything at once.
            process::exit(1);
        }
    }
    server.stop().await
}

/// Accepts no further connection, so that requests wait for the next server. Passes on the answers that the server
/// has sent before its end.
async fn pass_last_answers(serving: Pin<&mut impl Future<Output = Result<(), ServeError>>>) {
    // The library drains on this signal. The call can't fail, because the signal is for this process.
    let _ = kill_process(getpid(), Signal::TERM);
    let _ = timeout(LAST_ANSWERS, serving).await;
}

/// Returns the value of a variable that the unit of the run has set. The library reads the same variables.
fn of_unit<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>> {
    let Some(value) = env::var(name).ok().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => bail!("{name}={value:?} is not allowed: {error}"),
    }
}
