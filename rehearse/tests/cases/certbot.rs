//! A listener that a postdeploy hook adds to EB's nginx.conf. EB rewrites this file in every deployment. On
//! stock EB the listener is therefore closed until the hook has run.

use std::path::Path;

use crate::case::Case;
use crate::rig::{Rig, lost};
use crate::update::{Update, go_on, plan, running};
use crate::upgrade::held;

const CERTBOT: Case = Case::serving("certbot");

/// The agent reloads nginx only if the configuration differs from the loaded one. An update or a changed
/// property therefore keeps the listener open. If the configuration does change, nginx loads it when the hook has
/// added the listener again.
pub fn the_listener_outlives_a_deployment(rig: &mut Rig, _: &Update) {
    let same = CERTBOT.version(rig);
    nothing_is_lost(rig, "an update", |rig| deploy(rig, &same));
    nothing_is_lost(rig, "a changed property", |rig| {
        let done = rig.engine.configure(&[("COLOUR", Some("blue"))]);
        done.outcome.unwrap();
    });
    let own = (OWN, "server_tokens off;\n", 0o644);
    let changed = CERTBOT.version_with(rig, &[own]);
    nothing_is_lost(rig, "a changed configuration", |rig| deploy(rig, &changed));
    rig.must("test ! -e /run/flipless/front-postponed");
    assert_eq!(held(rig), "1");
    a_listener_that_no_hook_adds_is_closed(rig);
    // nginx can open the closed listener again.
    deploy(rig, &changed);
    nothing_is_lost(rig, "afterwards", |_| ());
}

const OWN: &str = ".platform/nginx/conf.d/own.conf";

/// Deploys a version without the hook. Asserts that clients of its listener are refused, and don't wait in the queue of
/// systemd's copy.
fn a_listener_that_no_hook_adds_is_closed(rig: &mut Rig) {
    let without = rig.version(&[(OWN, "server_tokens on;\n", 0o644)]);
    deploy(rig, &without);
    let refused = rig.get(443, "/").unwrap_err();
    assert!(refused.to_string().contains("Refused"), "{refused}");
    assert_eq!(held(rig), "0");
    let said = rig.say("cat /var/log/eb-hooks.log");
    assert!(said.contains("no longer listens on 0.0.0.0:443"), "{said}");
}

fn deploy(rig: &mut Rig, bundle: &Path) {
    rig.engine.deploy(bundle).outcome.unwrap();
}

/// Calls `act` under a load on both ports, and asserts that neither port loses a request. An older nginx closes idle
/// connections in a reload, so every request has a connection of its own.
fn nothing_is_lost(rig: &mut Rig, when: &str, act: impl FnOnce(&mut Rig)) {
    let loads = [plan(80), plan(443)].map(|plan| running(rig, plan));
    act(rig);
    loads.iter().for_each(go_on);
    for load in loads {
        let records = load.stop().unwrap();
        let lost = lost(&records);
        println!("{when}: {} of {} lost", lost.len(), records.len());
        assert!(lost.is_empty(), "{when}: {lost:?}");
    }
}
