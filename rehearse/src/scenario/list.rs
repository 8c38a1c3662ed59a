//! The scenarios.

use super::acts;
use super::expectation::{After, Clients, Tolerance};
use super::script::Scenario;

/// Most scenarios: a deployment on a running environment that no client may notice.
const DEPLOYMENT: Scenario = Scenario {
    name: "",
    about: "",
    prepare: acts::launch,
    act: acts::deploy_to,
    after: After::Another,
    tolerance: Tolerance::Nothing,
    clients: Clients::All,
};

/// All of them, in the order in which they are played.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "redeploy",
        about: "the same bundle again",
        act: acts::deploy_from,
        after: After::Same,
        ..DEPLOYMENT
    },
    Scenario {
        name: "new-version",
        about: "another version of the application",
        ..DEPLOYMENT
    },
    Scenario {
        name: "changed-proxy",
        about: "a bundle with another nginx configuration",
        act: acts::deploy_changed_proxy,
        tolerance: Tolerance::IdleKeepAlives,
        ..DEPLOYMENT
    },
    Scenario {
        name: "environment",
        about: "a changed environment property, with every awkward character",
        act: acts::change_environment,
        ..DEPLOYMENT
    },
    Scenario {
        name: "restart",
        about: "\"restart app server\"",
        act: acts::restart_app_server,
        after: After::Same,
        ..DEPLOYMENT
    },
    Scenario {
        name: "slow-start",
        about: "a new version that needs 20 s to start",
        act: acts::deploy_slow,
        ..DEPLOYMENT
    },
    Scenario {
        name: "crash",
        about: "a new version that crashes at its start",
        act: acts::deploy_crashing,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "hang",
        about: "a new version that never becomes ready",
        act: acts::deploy_hanging,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "unhealthy",
        about: "a new version whose health check fails",
        act: acts::deploy_unhealthy,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "bad-proxy",
        about: "a bundle with a broken nginx configuration",
        act: acts::deploy_broken_proxy,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "three",
        about: "three deployments in a row",
        act: acts::deploy_thrice,
        ..DEPLOYMENT
    },
    Scenario {
        name: "held",
        about: "a predeploy hook that sorts after flipless's and takes its time",
        act: acts::deploy_with_migration,
        ..DEPLOYMENT
    },
    Scenario {
        name: "late-failure",
        about: "a predeploy hook that sorts after flipless's and fails",
        act: acts::deploy_with_late_failure,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "aborted",
        about: "a deployment that is aborted before the flip",
        act: acts::abort,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "failed-postdeploy",
        about: "a postdeploy hook that fails: the flip has happened",
        act: acts::deploy_with_failure_after_the_flip,
        ..DEPLOYMENT
    },
    Scenario {
        name: "kill-app",
        about: "kill -9 of the server",
        act: acts::kill_app,
        after: After::SameRun,
        tolerance: Tolerance::InFlight,
        // An answer that has begun can't be sent again, and the other long ones always have begun.
        clients: Clients::Repeatable,
        ..DEPLOYMENT
    },
    Scenario {
        name: "kill-nginx",
        about: "kill -9 of nginx",
        act: acts::kill_nginx,
        after: After::SameRun,
        tolerance: Tolerance::Waiting,
        ..DEPLOYMENT
    },
    Scenario {
        name: "stop",
        about: "a manual `systemctl stop` of the running server",
        act: acts::stop_app,
        after: After::SameRun,
        tolerance: Tolerance::Waiting,
        ..DEPLOYMENT
    },
    Scenario {
        name: "reboot",
        about: "a reboot: the first request after it is answered",
        act: acts::reboot,
        after: After::Rebooted,
        clients: Clients::None,
        ..DEPLOYMENT
    },
    Scenario {
        name: "adoption",
        about: "the first flipless bundle, on an instance with another application",
        prepare: acts::launch_stock,
        act: acts::deploy_from,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
    },
    Scenario {
        name: "failed-adoption",
        about: "a first flipless bundle that fails before the flip, then a plain one, and flipless again",
        prepare: acts::launch_stock,
        act: acts::fail_adoption,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
    },
    Scenario {
        name: "plain",
        about: "a bundle without flipless, a changed property, and flipless again",
        act: acts::leave_and_return,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
        ..DEPLOYMENT
    },
    Scenario {
        name: "uninstall",
        about: "back to stock: `flipless uninstall`, then a bundle without flipless",
        act: acts::uninstall,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
        ..DEPLOYMENT
    },
];

/// The scenario of that name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
