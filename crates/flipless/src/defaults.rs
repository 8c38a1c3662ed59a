//! The options of a server where neither the program nor the environment sets them.
//!
//! On the instance the unit of the run sets the environment, from `flipless.toml`.

use std::time::Duration;

/// The name under which systemd passes the server's listener (`FileDescriptorName=`, systemd.socket(5)).
pub const LISTENER: &str = "app";
/// The port without systemd and without `PORT`: the one that EB gives applications.
pub const PORT: u16 = 5000;
/// The path that is asked before the server is ready.
pub const HEALTH_PATH: &str = "/health";
/// How long the server may take until it is healthy.
pub const START: Duration = Duration::from_secs(60);
/// How long the server may take to finish what it has begun.
pub const DRAIN: Duration = Duration::from_secs(30);
