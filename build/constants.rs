//! The settings that the code needs, as constants.

use crate::settings::{FrontMode, Settings};

/// Rust source for `src/constants.rs` to include.
pub fn source(settings: &Settings) -> String {
    let mode = match settings.front.mode {
        FrontMode::Nginx => "Nginx",
        FrontMode::Direct => "Direct",
        FrontMode::Stock => "Stock",
    };
    let numbers = [
        (
            "APP_PORT",
            "u16",
            settings.server.port.get(),
            "The loopback port that nginx passes requests to.",
        ),
        (
            "FRONT_PORT",
            "u16",
            settings.front.port.get(),
            "The public port.",
        ),
        (
            "BACKLOG",
            "u32",
            settings.front.backlog.get(),
            "Connections that wait while nobody accepts.",
        ),
        (
            "START_SECONDS",
            "u64",
            settings.server.start_seconds.get(),
            "Seconds a new version may take until it is ready.",
        ),
        (
            "DRAIN_SECONDS",
            "u64",
            settings.drain_seconds(),
            "Seconds an old version may take to finish.",
        ),
        (
            "KEEP_RELEASES",
            "usize",
            settings.deploy.keep_releases.get(),
            "How many releases stay on the instance.",
        ),
        (
            "DEAD_MAN_SECONDS",
            "u64",
            settings.deploy.dead_man_seconds.get(),
            "Seconds until a release that nobody committed is given up.",
        ),
        (
            "LOCK_SECONDS",
            "u64",
            settings.deploy.lock_seconds.get(),
            "Seconds to wait for another agent.",
        ),
        (
            "ROLLBACK_SECONDS",
            "u64",
            settings.deploy.rollback_seconds.get(),
            "Seconds after its commit in which a release that keeps crashing is taken back; 0: never.",
        ),
        (
            "ROLLBACK_CRASHES",
            "usize",
            settings.deploy.rollback_crashes.get(),
            "So many crashes within that time are too many.",
        ),
    ];
    let texts = [
        (
            "APP_NAME",
            settings.app.name.as_str(),
            "The application's name.",
        ),
        (
            "SERVER_BIN",
            settings.server.bin.as_str(),
            "The server's executable, in the bundle's `bin/`.",
        ),
        (
            "HEALTH_PATH",
            settings.server.health_path.as_str(),
            "Asked before the server is ready.",
        ),
    ];
    let mut source = String::from("// Written by build.rs from flipless.toml.\n");
    for (name, kind, value, doc) in numbers {
        source += &format!("/// {doc}\npub const {name}: {kind} = {value};\n");
    }
    for (name, value, doc) in texts {
        source += &format!("/// {doc}\npub const {name}: &str = {value:?};\n");
    }
    source += &format!(
        "/// Who holds the public port.\npub const FRONT_MODE: FrontMode = FrontMode::{mode};\n"
    );
    source
}
