//! Paths on the instance that are EB's or the system's, not ours. Ours are in `layout`.

/// The proxy configuration that EB is about to copy over [`NGINX`].
pub const PROXY_STAGING: &str = "/var/proxy/staging/nginx";
/// The proxy configuration in force.
pub const NGINX: &str = "/etc/nginx";
/// EB's tool that knows the environment properties, the new ones included.
pub const GET_CONFIG: &str = "/opt/elasticbeanstalk/bin/get-config";
/// Where EB looks for the pids of what it manages.
pub const PIDS: &str = "/var/pids";
/// The application that EB has flipped to.
pub const FLIPPED: &str = "/var/app/current";
/// The agent in it.
pub const FLIPPED_AGENT: &str = "/var/app/current/bin/flipless";
/// Units of the administrator's: ours are among them.
pub const UNITS: &str = "/etc/systemd/system";
/// Units and drop-ins that a reboot forgets.
pub const RUNTIME_UNITS: &str = "/run/systemd/system";
/// Drop-ins that EB does not rewrite.
pub const DROP_INS: &str = "/usr/lib/systemd/system";
/// The log that EB's enhanced health reads.
pub const HEALTH_LOG: &str = "/var/log/nginx/healthd";
