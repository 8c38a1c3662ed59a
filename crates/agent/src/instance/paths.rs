//! Paths on the instance that belong to EB or to the system. The paths of flipless are in `layout`.

/// The proxy configuration that EB copies over [`NGINX`] in the flip.
pub const PROXY_STAGING: &str = "/var/proxy/staging/nginx";
/// The proxy configuration in force.
pub const NGINX: &str = "/etc/nginx";
/// EB's tool that prints the environment properties. In a deployment it already prints the new ones.
pub const GET_CONFIG: &str = "/opt/elasticbeanstalk/bin/get-config";
/// EB's own file of environment properties, which EB's `web.service` reads.
pub const ENVIRONMENT: &str = "/opt/elasticbeanstalk/deployment/env";
/// The folder in which EB looks for the pids of its processes.
pub const PIDS: &str = "/var/pids";
/// The folder of EB's applications.
pub const APPLICATIONS: &str = "/var/app";
/// The application that EB has unpacked and not flipped to yet.
pub const STAGED: &str = "/var/app/staging";
/// The application that EB has flipped to.
pub const FLIPPED: &str = "/var/app/current";
/// The agent in the application that EB has flipped to.
pub const FLIPPED_AGENT: &str = "/var/app/current/bin/flipless";
/// The folder for the unit files of the administrator and of flipless.
pub const UNITS: &str = "/etc/systemd/system";
/// The folder for units and drop-ins that a reboot removes.
pub const RUNTIME_UNITS: &str = "/run/systemd/system";
/// The name of a person's own drop-in (systemctl(1), `edit`).
pub const EDITED_DROP_IN: &str = "override.conf";
/// The folder for drop-ins that stay after a reboot. EB does not rewrite this folder.
pub const DROP_INS: &str = "/usr/lib/systemd/system";
/// The log that EB's enhanced health reads.
pub const HEALTH_LOG: &str = "/var/log/nginx/healthd";
