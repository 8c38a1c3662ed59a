//! The values of the options that neither the program nor the environment sets.
//!
//! On the instance, the unit of the run sets the environment as `flipless.toml` says.

use std::time::Duration;

/// The name with which systemd passes the server's listener (`FileDescriptorName=`, systemd.socket(5)).
pub const LISTENER: &str = "app";
/// The port to bind without a passed listener and without `PORT`: EB's own default for applications.
pub const PORT: u16 = 5000;
/// The path of the health check.
pub const HEALTH_PATH: &str = "/health";
/// The limit of the health check.
pub const START: Duration = Duration::from_secs(60);
/// The limit of a drain.
pub const DRAIN: Duration = Duration::from_secs(30);
