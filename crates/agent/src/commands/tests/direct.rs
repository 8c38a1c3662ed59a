//! The parts of direct mode that nginx mode lacks, and the end of runs when the instance is given back.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::instance::paths::{FLIPPED, HEALTH_LOG};

/// The mode of EB's own folder, which the server's user can't enter.
const BEFORE: u32 = 0o750;

fn mode(instance: &Instance) -> u32 {
    let folder = instance.system.locate(HEALTH_LOG).metadata();
    folder.unwrap().mode() & 0o7777
}

fn owner_before(instance: &Instance) -> String {
    let folder = instance.system.locate(HEALTH_LOG).metadata().unwrap();
    format!("{}:{}", folder.uid(), folder.gid())
}

/// An instance whose folder of the health log has another mode than the server needs.
fn with_a_health_log() -> Instance {
    let instance = Instance::new();
    instance.system.make_folder(HEALTH_LOG).unwrap();
    let folder = instance.system.locate(HEALTH_LOG);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(BEFORE)).unwrap();
    instance
}

#[test]
fn giving_the_instance_back_restores_the_folder_of_the_health_log() {
    type Way = fn(&Instance);
    let ways: [(&str, Way); 3] = [
        ("uninstall", |instance| {
            uninstall::uninstall(&instance.system).unwrap()
        }),
        ("a plain bundle", |instance| {
            let system = &instance.system;
            system.remove(FLIPPED).unwrap();
            let procfile = format!("{FLIPPED}/Procfile");
            system.write(procfile, b"web: ./shop\n", 0o644).unwrap();
            start_web(instance).unwrap();
        }),
        ("a failed adoption", |_| ()),
    ];
    in_each_mode(|| {
        for (name, give_back) in ways {
            let instance = with_a_health_log();
            let owner = owner_before(&instance);
            if name == "a failed adoption" {
                instance.model.borrow_mut().failing = vec!["flipless-app@".into()];
                stage_version(&instance, "v1").unwrap_err();
            } else {
                deploy(&instance, "v1");
                deploy(&instance, "v2");
                assert_eq!(mode(&instance) == BEFORE, has_front(), "{name}");
                give_back(&instance);
            }
            assert_eq!(mode(&instance), BEFORE, "{name}");
            let owners = std::mem::take(&mut instance.model.borrow_mut().owners);
            match has_front() {
                true => assert_eq!(owners, [""; 0], "{name}"),
                false => assert_eq!(owners.last(), Some(&owner), "{name}"),
            }
        }
    });
}

/// A drain may last an hour. EB's flip must not wait for it, because systemd would end the start of web.service.
#[test]
fn runs_that_do_not_end_are_killed_when_the_instance_is_given_back() {
    in_each_mode(|| {
        let instance = deployed("v1");
        deploy(&instance, "v2");
        let old = state(&instance).previous.unwrap().unit();
        assert_eq!(instance.unit(&old), "deactivating", "it drains");
        let current = current_unit(&instance);
        instance.take_calls();
        instance.model.borrow_mut().runs_linger = true;
        uninstall::uninstall(&instance.system).unwrap();
        let calls = instance.take_calls();
        let both = [&*old, &*current];
        let kill = calls
            .iter()
            .position(|call| call.starts_with("kill --signal=KILL"));
        let kill = kill.unwrap_or_else(|| panic!("{calls:?}"));
        assert!(
            both.iter().all(|run| calls[kill].contains(run)),
            "{calls:?}"
        );
        let listener = format!("stop {}", layout::APP_SOCKET);
        let listener = calls.iter().position(|call| *call == listener).unwrap();
        assert!(listener < kill, "{calls:?}");
        for run in both {
            assert_eq!(instance.unit(run), "inactive");
        }
        // No single stop waits for the whole drain of a run.
        for run in both {
            let alone = format!("stop {run}");
            assert!(!calls[..kill].contains(&alone), "{calls:?}");
        }
    });
}
