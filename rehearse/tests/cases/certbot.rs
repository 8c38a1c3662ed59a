//! A listener that a postdeploy hook adds to EB's nginx.conf. EB writes the file anew in every deployment, so that
//! on stock EB the listener is away until the hook has run.

use std::path::Path;

use rehearse::record::Record;

use crate::case::Case;
use crate::rig::{Rig, lost};
use crate::update::{Update, go_on, plan, running};

const CERTBOT: Case = Case::serving("certbot");

/// nginx is reloaded only for another configuration than the one it was started with, so that an update and a
/// changed property leave the listener alone. Where the configuration changes, it is away until the hook has run.
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

/// Does something under a load on both ports. The public one loses nothing; the records are the other one's.
fn both_ports(rig: &mut Rig, act: impl FnOnce(&mut Rig)) -> Vec<Record> {
    let (public, own) = (running(rig, plan(80)), running(rig, plan(443)));
    act(rig);
    go_on(&own);
    let public = public.stop().unwrap();
    assert!(lost(&public).is_empty(), "{:?}", lost(&public));
    own.stop().unwrap()
}
