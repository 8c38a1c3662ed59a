//! An update under load. The clients' records decide whether the update passes.

use std::time::Duration;

use rehearse::engine::Deployment;
use rehearse::load::{Load, Plan};
use rehearse::record::{Kind, Record};

use crate::case::{Case, Comes};
use crate::rig::{PATIENCE, Rig, lost};

/// The current run before and after an update.
pub struct Update {
    pub before: String,
    pub after: String,
}

/// Deploys the case again. Asserts that no request is lost, that the new version answers only after the flip has begun,
/// and that after the deployment only the new version answers new connections.
pub fn under_load(rig: &mut Rig, case: &Case) -> Update {
    let before = rig.current();
    let bundle = case.version(rig);
    let loads = start(rig, case);
    let done = rig.engine.deploy(&bundle);
    let update = Update {
        before,
        after: rig.current(),
    };
    loads.iter().for_each(go_on);
    case.assert_comes(rig, &done, "the update");
    for load in loads {
        judge(case, &update, &done, &load.stop().unwrap());
    }
    update
}

/// Starts a load on the public port and on each port of the case.
fn start(rig: &Rig, case: &Case) -> Vec<Load> {
    let public = Plan {
        keep_alive: if case.reloads { 0 } else { 4 },
        slow: 2,
        ..plan(80)
    };
    let own = case.ports.iter().map(|port| plan(*port));
    let plans = std::iter::once(public).chain(own);
    plans.map(|plan| running(rig, plan)).collect()
}

/// Starts a load, and waits until it has sent requests.
pub fn running(rig: &Rig, plan: Plan) -> Load {
    let load = rig.load_of(plan);
    go_on(&load);
    load
}

/// Waits until the load has sent more requests in the present state of the instance.
pub fn go_on(load: &Load) {
    load.wait_for(load.records_so_far() + 50, PATIENCE).unwrap();
}

/// Plans a load of new connections only.
pub fn plan(port: u16) -> Plan {
    Plan {
        rate: 50,
        address: ([127, 0, 0, 1], port).into(),
        ..Plan::none()
    }
}

fn judge(case: &Case, update: &Update, done: &Deployment, records: &[Record]) {
    let name = case.name;
    assert!(lost(records).is_empty(), "{name}: {:?}", lost(records));
    let is_refused = matches!(case.comes, Comes::Refused(_));
    assert_eq!(update.before == update.after, is_refused, "{name}");
    let flip = done
        .instructions
        .iter()
        .find(|instruction| instruction.name == "FlipApplication");
    assert_eq!(flip.is_none(), is_refused, "{name}");
    let flip = flip.map_or(Duration::MAX, |flip| flip.start);
    for record in records {
        let run = record.run.as_deref().unwrap();
        let is_old = run == update.before;
        assert!(
            is_old || record.at + record.latency >= flip,
            "{name}: {record:?}"
        );
        let is_late = record.kind == Kind::New && record.at > done.window.end;
        assert!(!is_late || run == update.after, "{name}: {record:?}");
    }
}
