//! Every file that systemd reads or executes has its SELinux label before systemd uses it.

use super::*;
use crate::instance::paths::RUNTIME_UNITS;

/// Returns the paths that were passed to restorecon since the last call of this function.
fn labelled(instance: &Instance) -> Vec<String> {
    let calls = std::mem::take(&mut instance.model.borrow_mut().labelled);
    let paths = calls.iter().map(|call| call.strip_prefix("-RF "));
    let paths = paths.flat_map(|paths| paths.unwrap().split(' '));
    paths.map(String::from).collect()
}

fn with_selinux() -> Instance {
    let instance = Instance::new();
    instance.model.borrow_mut().restorecon_works = Some(true);
    instance
}

#[test]
fn each_install_restores_the_labels_of_what_it_has_written() {
    let instance = with_selinux();
    stage_version(&instance, "v1").unwrap();
    let run = staged_unit(&instance);
    let paths = labelled(&instance);
    let socket = format!("{RUNTIME_UNITS}/{}", layout::APP_SOCKET);
    for path in [layout::ROOT, &socket, &format!("{UNITS}/{run}")] {
        assert!(paths.iter().any(|found| found == path), "{path}: {paths:?}");
    }
    flip(&instance).unwrap();
    let paths = labelled(&instance);
    let drop_in = format!("{DROP_INS}/web.service.d/{}", layout::DROP_IN);
    for path in [&format!("{UNITS}/{}", layout::APP_SOCKET), &drop_in] {
        assert!(paths.contains(path), "{path}: {paths:?}");
    }
    commit::commit(&instance.system).unwrap();
    labelled(&instance);
    // The next steps are a deployment of another release, and a rollback, which starts a run of the previous release.
    stage_version(&instance, "v2").unwrap();
    let paths = labelled(&instance);
    assert!(paths.contains(&layout::ROOT.to_owned()), "{paths:?}");
    assert!(paths.contains(&format!("{UNITS}/{}", staged_unit(&instance))));
    flip(&instance).unwrap();
    labelled(&instance);
    rollback::rollback(&instance.system).unwrap();
    let unit = format!("{UNITS}/{}", current_unit(&instance));
    assert_eq!(labelled(&instance), [unit]);
}

#[test]
fn a_failed_stage_restores_the_labels_of_the_units_that_it_restores() {
    let instance = with_selinux();
    deploy(&instance, "v1");
    let unit = format!("systemd/{}", layout::DEADMAN);
    let path = format!("{BUNDLE}/{unit}");
    instance.system.write(path, b"[Service]\n#", 0o644).unwrap();
    labelled(&instance);
    instance.model.borrow_mut().failing = vec!["flipless-app@".into()];
    stage_version(&instance, "v2").unwrap_err();
    let unit = format!("{UNITS}/{}", layout::DEADMAN);
    let times = labelled(&instance)
        .iter()
        .filter(|path| **path == unit)
        .count();
    assert_eq!(times, 2, "installed and restored");
}

#[test]
fn a_restorecon_that_fails_fails_no_deployment() {
    let instance = Instance::new();
    instance.model.borrow_mut().restorecon_works = Some(false);
    deploy(&instance, "v1");
    assert_eq!(instance.serving(), [current_unit(&instance)]);
    assert!(!labelled(&instance).is_empty());
}
