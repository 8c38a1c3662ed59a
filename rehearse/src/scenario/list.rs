//! The scenarios.

use super::acts;
use super::expectation::{After, Clients, Tolerance};
use super::script::Scenario;

/// The base of most scenarios: a deployment on a running environment. No client may notice the deployment.
const DEPLOYMENT: Scenario = Scenario {
    name: "",
    about: "",
    prepare: acts::launch,
    act: acts::deploy_to,
    after: After::Another,
    tolerance: Tolerance::Nothing,
    clients: Clients::All,
};

/// All scenarios, in the order in which they are played.
pub const ALL: &[Scenario] = &[
    Scenario {
        name: "redeploy",
        about: "deploys the same bundle again",
        act: acts::deploy_from,
        after: After::Same,
        ..DEPLOYMENT
    },
    Scenario {
        name: "new-version",
        about: "deploys another version of the application",
        ..DEPLOYMENT
    },
    Scenario {
        name: "changed-proxy",
        about: "deploys a bundle with another nginx configuration",
        act: acts::deploy_changed_proxy,
        tolerance: Tolerance::IdleKeepAlives,
        ..DEPLOYMENT
    },
    Scenario {
        name: "environment",
        about: "sets environment properties: a secret that hooks don't see, and a value with special characters",
        act: acts::change_environment,
        ..DEPLOYMENT
    },
    Scenario {
        name: "restart",
        about: "restarts the server with EB's \"restart app server\", also after the rotation of a secret",
        act: acts::restart_app_server,
        ..DEPLOYMENT
    },
    Scenario {
        name: "slow-start",
        about: "deploys a version that needs 20 s to start",
        act: acts::deploy_slow,
        ..DEPLOYMENT
    },
    Scenario {
        name: "crash",
        about: "deploys a version that crashes at its start",
        act: acts::deploy_crashing,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "hang",
        about: "deploys a version that never becomes ready",
        act: acts::deploy_hanging,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "unhealthy",
        about: "changes a property so that the health check of the demonstration server fails",
        act: acts::deploy_unhealthy,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "bad-proxy",
        about: "deploys a bundle with a broken nginx configuration",
        act: acts::deploy_broken_proxy,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "three",
        about: "deploys three times in a row",
        act: acts::deploy_thrice,
        ..DEPLOYMENT
    },
    Scenario {
        name: "held",
        about: "deploys a bundle with a predeploy hook that runs for 5 s after flipless's hook",
        act: acts::deploy_with_migration,
        ..DEPLOYMENT
    },
    Scenario {
        name: "late-failure",
        about: "deploys a bundle with a predeploy hook that fails after flipless's hook",
        act: acts::deploy_with_late_failure,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "aborted",
        about: "aborts a deployment before the flip",
        act: acts::abort,
        after: After::SameRun,
        ..DEPLOYMENT
    },
    Scenario {
        name: "failed-postdeploy",
        about: "deploys a bundle with a postdeploy hook that fails, after the flip",
        act: acts::deploy_with_failure_after_the_flip,
        ..DEPLOYMENT
    },
    Scenario {
        name: "kill-app",
        about: "kills the server with SIGKILL",
        act: acts::kill_app,
        after: After::SameRun,
        tolerance: Tolerance::InFlight,
        // nginx can't repeat a request whose answer has begun. The answers of event streams and WebSockets begin at
        // once. Uploads are POST requests, which nginx does not repeat.
        clients: Clients::Repeatable,
        ..DEPLOYMENT
    },
    Scenario {
        name: "kill-child",
        about: "kills the server behind the relay with SIGKILL; without a relay nothing happens",
        act: acts::kill_child,
        after: After::SameRun,
        tolerance: Tolerance::InFlight,
        clients: Clients::Repeatable,
        ..DEPLOYMENT
    },
    Scenario {
        name: "kill-nginx",
        about: "kills nginx with SIGKILL; without the front nothing happens",
        act: acts::kill_nginx,
        after: After::SameRun,
        tolerance: Tolerance::Waiting,
        ..DEPLOYMENT
    },
    Scenario {
        name: "stop",
        about: "stops the running server with `systemctl stop`",
        act: acts::stop_app,
        after: After::SameRun,
        tolerance: Tolerance::Waiting,
        ..DEPLOYMENT
    },
    Scenario {
        name: "reboot",
        about: "reboots the instance; the first request afterwards must succeed",
        act: acts::reboot,
        after: After::Rebooted,
        clients: Clients::None,
        ..DEPLOYMENT
    },
    Scenario {
        name: "adoption",
        about: "deploys the first bundle with flipless to an instance with another application",
        prepare: acts::launch_stock,
        act: acts::deploy_from,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
    },
    Scenario {
        name: "failed-adoption",
        about: "deploys a first version that fails, then a bundle without flipless, and then flipless again",
        prepare: acts::launch_stock,
        act: acts::fail_adoption,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
    },
    Scenario {
        name: "plain",
        about: "deploys a bundle without flipless, changes a property, and deploys flipless again",
        act: acts::leave_and_return,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
        ..DEPLOYMENT
    },
    Scenario {
        name: "uninstall",
        about: "runs `flipless uninstall`, then deploys a bundle without flipless",
        act: acts::uninstall,
        after: After::Any,
        tolerance: Tolerance::Measured,
        clients: Clients::Plain,
        ..DEPLOYMENT
    },
];

/// The scenario with this name.
pub fn named(name: &str) -> Option<&'static Scenario> {
    ALL.iter().find(|scenario| scenario.name == name)
}
