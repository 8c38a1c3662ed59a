//! EB's own paths on an instance.

/// The stored bundle, which a configuration deployment restages.
pub(super) const BUNDLE: &str = "/opt/elasticbeanstalk/deployment/app_source_bundle";
/// Where a deployment unpacks the bundle.
pub(super) const STAGING: &str = "/var/app/staging";
/// Where the flip moves it.
pub(super) const CURRENT: &str = "/var/app/current";
