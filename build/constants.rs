//! The settings that the code needs, as constants.

use std::fmt::Debug;

use crate::settings::{FrontMode, Settings};

/// Rust source for `src/constants.rs` to include.
pub fn source(settings: &Settings) -> String {
    let mode = match settings.front.mode {
        FrontMode::Nginx => "Nginx",
        FrontMode::Direct => "Direct",
        FrontMode::Stock => "Stock",
    };
    let mut source = String::from("// Written by build.rs from flipless.toml.\n");
    let mut constant = |name: &str, kind: &str, value: &dyn Debug, doc: &str| {
        source += &format!("/// {doc}\npub const {name}: {kind} = {value:?};\n");
    };
    constant(
        "APP_PORT",
        "u16",
        &settings.server.port.get(),
        "The loopback port that nginx passes requests to.",
    );
    constant(
        "FRONT_PORT",
        "u16",
        &settings.front.port.get(),
        "The public port.",
    );
    constant(
        "BACKLOG",
        "u32",
        &settings.front.backlog.get(),
        "Connections that wait while nobody accepts.",
    );
    constant(
        "START_SECONDS",
        "u64",
        &settings.server.start_seconds.get(),
        "Seconds a new version may take until it is ready.",
    );
    constant(
        "DRAIN_SECONDS",
        "u64",
        &settings.drain_seconds(),
        "Seconds an old version may take to finish.",
    );
    constant(
        "KEEP_RELEASES",
        "usize",
        &settings.deploy.keep_releases.get(),
        "How many releases stay on the instance.",
    );
    constant(
        "DEAD_MAN_SECONDS",
        "u64",
        &settings.deploy.dead_man_seconds.get(),
        "Seconds until a release that nobody committed is given up.",
    );
    constant(
        "LOCK_SECONDS",
        "u64",
        &settings.deploy.lock_seconds.get(),
        "Seconds to wait for another agent.",
    );
    constant(
        "ROLLBACK_SECONDS",
        "u64",
        &settings.deploy.rollback_seconds.get(),
        "Seconds after its commit in which a release that keeps crashing is taken back; 0: never.",
    );
    constant(
        "ROLLBACK_CRASHES",
        "usize",
        &settings.deploy.rollback_crashes.get(),
        "So many crashes within that time are too many.",
    );
    constant(
        "APP_NAME",
        "&str",
        &settings.app.name.as_str(),
        "The application's name.",
    );
    constant(
        "SERVER_BIN",
        "&str",
        &settings.server.bin.as_str(),
        "The server's executable, in the bundle's `bin/`.",
    );
    constant(
        "HEALTH_PATH",
        "&str",
        &settings.server.health_path.as_str(),
        "Asked before the server is ready.",
    );
    source += &format!(
        "/// Who holds the public port.\npub const FRONT_MODE: FrontMode = FrontMode::{mode};\n"
    );
    source
}
