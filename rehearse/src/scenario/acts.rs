//! The acts of the scenarios.

mod bundles;
mod deployments;
mod hooks;
mod interruptions;
mod ways;

pub(super) use deployments::{
    change_environment, deploy_broken_proxy, deploy_changed_proxy, deploy_crashing, deploy_from,
    deploy_hanging, deploy_slow, deploy_thrice, deploy_to, deploy_unhealthy, restart_app_server,
};
pub(super) use hooks::{
    abort, deploy_with_failure_after_the_flip, deploy_with_late_failure, deploy_with_migration,
    fail_adoption,
};
pub(super) use interruptions::{kill_app, kill_child, kill_nginx, reboot, stop_app};
pub(super) use ways::{launch, launch_stock, leave_and_return, uninstall};
