//! The deployments of a case: the adoption, an update, a bundle without the case's files, and a bundle without
//! flipless.

use flipless_settings::layout;
use rehearse::engine::Properties;
use rehearse::machine::wait_for;

use crate::case::{Case, Comes};
use crate::rig::{PATIENCE, Rig};
use crate::{files, update};

/// Launches the environment with the case as its first version.
pub fn on_a_new_instance(rig: &mut Rig, case: &Case) {
    let bundle = case.version(rig);
    let done = rig.engine.create_environment(&bundle, Properties::new());
    case.assert_comes(rig, &done, "a new instance");
    rig.wait_until_serving();
    rig.settle();
    files::assert_sees_its_own(rig, &rig.current());
    leave(rig, case);
}

/// Deploys the case over an application without flipless, and finally deploys an application without flipless
/// again.
pub fn from_stock_to_stock(rig: &mut Rig, case: &Case) {
    adopt(rig, case);
    let update = update::under_load(rig, case);
    (case.check)(rig, &update);
    rig.deploy();
    rig.settle();
    leave(rig, case);
}

fn adopt(rig: &mut Rig, case: &Case) {
    let bundle = case.version(rig);
    let done = rig.engine.deploy(&bundle);
    case.assert_comes(rig, &done, "the adoption");
    if let Comes::Refused(_) = case.comes {
        assert!(serves_stock(rig), "{}: {}", case.name, rig.body("/"));
        rig.deploy();
    }
    rig.wait_until_serving();
    assert!(rig.body("/status.json").contains(&rig.current()));
    rig.settle();
}

/// Deploys a bundle without flipless and without the files of the case.
fn leave(rig: &mut Rig, case: &Case) {
    rig.deploy_stock();
    let serves = wait_for(PATIENCE, || serves_stock(rig).then_some(()));
    assert!(serves.is_some(), "{}: {}", case.name, rig.body("/"));
    let left = rig.say(&format!(
        "ls -d {} {} /etc/systemd/system/flipless* /usr/lib/systemd/system/*.service.d/{} 2>/dev/null; \
         grep -rl flipless /etc/nginx; systemctl list-units --all --plain --no-legend 'flipless*'",
        layout::ROOT,
        layout::STATE_FOLDER,
        layout::DROP_IN
    ));
    assert_eq!(left, "", "{}", case.name);
}

fn serves_stock(rig: &Rig) -> bool {
    rig.body("/").contains("release stock")
}
