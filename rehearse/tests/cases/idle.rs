//! Idle connections that live for minutes.

use std::time::Duration;

use rehearse::load::Plan;

use crate::case::Case;
use crate::rig::{Rig, lost};
use crate::update::{Update, plan};
use crate::upgrade::keeps_idle_connections;

/// The pause between two requests of a connection. It is longer than EB's own `keepalive_timeout`, 60 s.
const IDLE: Duration = Duration::from_secs(70);
const CONNECTIONS: usize = 3;
/// A file that changes nginx's configuration.
const OTHER: (&str, &str, u32) = (
    ".platform/nginx/conf.d/own.conf",
    "server_tokens off;\n",
    0o644,
);

/// Connections that are idle while nginx loads a new configuration still carry their next request. An nginx
/// before 1.27.4 closes idle connections in a reload, so the test does not change the configuration there.
pub fn connections_outlive_an_update(rig: &mut Rig, _: &Update) {
    let plan = Plan {
        keep_alive: CONNECTIONS,
        keep_alive_pause: IDLE,
        ..Plan {
            rate: 0,
            ..plan(80)
        }
    };
    let load = rig.load_of(plan);
    load.wait_for(CONNECTIONS, IDLE).unwrap();
    let keeps = keeps_idle_connections(rig).then_some(OTHER);
    let bundle = Case::serving("long-keep-alive").version_with(rig, keeps.as_slice());
    rig.engine.deploy(&bundle).outcome.unwrap();
    load.wait_for(2 * CONNECTIONS, 2 * IDLE).unwrap();
    let records = load.stop().unwrap();
    assert!(lost(&records).is_empty(), "{records:?}");
}
