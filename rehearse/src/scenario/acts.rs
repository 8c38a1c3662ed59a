//! What scenarios do.

mod bundles;
mod deployments;
mod interruptions;
mod ways;

pub(super) use deployments::{
    change_environment, deploy_broken_proxy, deploy_changed_proxy, deploy_crashing, deploy_from,
    deploy_hanging, deploy_slow, deploy_thrice, deploy_to, deploy_unhealthy, restart_app_server,
};
pub(super) use interruptions::{kill_app, kill_nginx, reboot, stop_app};
pub(super) use ways::{launch, launch_stock, uninstall};
