//! The relay: runs in front of a server that only reads `$PORT`.
//!
//! The relay starts the server with a `PORT` of its own, waits until the server is healthy on that port, and
//! passes requests on. Two versions can serve side by side because each has another port. The library does
//! the rest: it accepts connections, sends READY=1, and drains. After the drain, the relay sends SIGTERM to the
//! server.

mod forward;
mod health;
mod port;
mod server;

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flipless::defaults;

use forward::Forward;
use port::ClaimedPort;
use server::ServerProcess;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: flipless-relay PROGRAM [ARGUMENT]… (the unit of a run calls the relay)";

#[tokio::main]
async fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let Some(program) = words.next() else {
        eprintln!("error: {USAGE}");
        return ExitCode::from(2);
    };
    match relay(program, words.collect()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn relay(program: OsString, arguments: Vec<OsString>) -> Result<()> {
    let path = env::var("FLIPLESS_HEALTH_PATH").unwrap_or_else(|_| defaults::HEALTH_PATH.into());
    let statuses = of_unit("FLIPLESS_HEALTH_STATUSES")?.unwrap_or_default();
    let limit = match of_unit("FLIPLESS_START_SECONDS")? {
        Some(seconds) => Duration::from_secs(seconds),
        None => defaults::START,
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let port = ClaimedPort::above(of_unit("PORT")?.unwrap_or(defaults::PORT))?;
    let mut server = ServerProcess::start(&program, &arguments, port.number)?;
    let forward = Forward::to(port.number);
    tokio::select! {
        healthy = health::wait(port.number, &path, &statuses, limit) => healthy?,
        ended = server.ended() => bail!("the server ended before it was healthy: {ended}"),
        // After this `select!`, the library waits for SIGTERM.
        _ = terminate.recv() => return server.stop().await,
    }
    tokio::select! {
        served = flipless::Server::new().health_path(path).serve(forward) => {
            served.context("the relay can't serve")?;
        }
        ended = server.ended() => bail!("the server ended: {ended}"),
    }
    server.stop().await
}

/// A value that the unit of the run has set. The library reads the same variables.
fn of_unit<T: FromStr<Err: Display>>(name: &str) -> Result<Option<T>> {
    let Some(value) = env::var(name).ok().filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(error) => bail!("{name}={value:?} is not allowed: {error}"),
    }
}
