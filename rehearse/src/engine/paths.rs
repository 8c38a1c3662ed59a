//! EB's own paths on an instance.

/// The stored bundle. A configuration deployment stages it again.
pub(super) const BUNDLE: &str = "/opt/elasticbeanstalk/deployment/app_source_bundle";
/// The folder to which a deployment unpacks the bundle.
pub(super) const STAGING: &str = "/var/app/staging";
/// The folder to which the flip moves the bundle.
pub(super) const CURRENT: &str = "/var/app/current";
