//! A listener that a postdeploy hook adds to EB's nginx.conf. EB rewrites this file in every deployment. On
//! stock EB the listener is therefore closed until the hook has run.

use std::path::Path;

use rehearse::record::Record;

use crate::case::Case;
use crate::rig::{Rig, lost};
use crate::update::{Update, go_on, plan, running};

const CERTBOT: Case = Case::serving("certbot");

/// The agent reloads nginx only if the configuration differs from the loaded one. An update or a changed
/// property therefore keeps the listener open. If the configuration does change, the listener is closed until
/// the hook has run.
pub fn the_listener_outlives_what_changes_nothing(rig: &mut Rig, _: &Update) {
    let same = CERTBOT.version(rig);
    let updated = both_ports(rig, |rig| deploy(rig, &same));
    assert!(lost(&updated).is_empty(), "{:?}", lost(&updated));
    let configured = both_ports(rig, |rig| {
        let done = rig.engine.configure(&[("COLOUR", Some("blue"))]);
        done.outcome.unwrap();
    });
    assert!(lost(&configured).is_empty(), "{:?}", lost(&configured));
    let own = (
        ".platform/nginx/conf.d/own.conf",
        "server_tokens off;\n",
        0o644,
    );
    let changed = CERTBOT.version_with(rig, &[own]);
    let changed = both_ports(rig, |rig| deploy(rig, &changed));
    let (failed, all) = (lost(&changed).len(), changed.len());
    println!("certbot: {failed} of {all} on 443 lost where the configuration changes");
    assert!(changed.last().is_some_and(|last| !last.outcome.failed()));
}

fn deploy(rig: &mut Rig, bundle: &Path) {
    rig.engine.deploy(bundle).outcome.unwrap();
}

/// Calls `act` under a load on both ports. Asserts that the public port loses no request, and returns the
/// records of the other port.
fn both_ports(rig: &mut Rig, act: impl FnOnce(&mut Rig)) -> Vec<Record> {
    let (public, own) = (running(rig, plan(80)), running(rig, plan(443)));
    act(rig);
    go_on(&own);
    let public = public.stop().unwrap();
    assert!(lost(&public).is_empty(), "{:?}", lost(&public));
    own.stop().unwrap()
}
