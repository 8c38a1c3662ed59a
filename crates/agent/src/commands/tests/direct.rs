//! The parts of direct mode that nginx mode lacks, and the end of the runs when the agent gives the instance back.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;
use crate::instance::paths::{FLIPPED, HEALTH_LOG};

/// EB's own mode of the folder of the health log. The server's user can't enter the folder.
const BEFORE: u32 = 0o750;
/// The log of this hour, which nginx has begun.
const NOW: &str = "/var/log/nginx/healthd/application.log.2026-11-26-22";

fn mode(instance: &Instance, path: &str) -> u32 {
    instance.system.locate(path).metadata().unwrap().mode() & 0o7777
}

fn owner_before(instance: &Instance) -> String {
    let folder = instance.system.locate(HEALTH_LOG).metadata().unwrap();
    format!("{}:{}", folder.uid(), folder.gid())
}

/// Returns an instance on which the folder of the health log has a mode that keeps the server from writing there.
fn with_a_health_log() -> Instance {
    let instance = Instance::new();
    instance.system.write(NOW, b"a line\n", 0o644).unwrap();
    let folder = instance.system.locate(HEALTH_LOG);
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(BEFORE)).unwrap();
    instance
}

fn has_list(instance: &Instance) -> bool {
    let folder = instance.system.locate(HEALTH_LOG);
    let name = "system.posix_acl_access";
    rustix::fs::getxattr(&folder, name, &mut [0u8; 256]).is_ok()
}

fn take_owners(instance: &Instance) -> Vec<String> {
    std::mem::take(&mut instance.model.borrow_mut().owners)
}

/// Before the flip EB's nginx writes the log.
#[test]
fn the_health_log_changes_hands_in_the_flip() {
    in_each_mode(|| {
        let instance = with_a_health_log();
        stage_version(&instance, "v1").unwrap();
        let modes = |instance: &Instance| (mode(instance, HEALTH_LOG), mode(instance, NOW));
        assert_eq!(modes(&instance), (BEFORE, 0o644));
        assert_eq!(take_owners(&instance), [""; 0]);
        let other = format!("{HEALTH_LOG}/other");
        let link = format!("{HEALTH_LOG}/application.log.link");
        let system = &instance.system;
        system.write(&other, b"", 0o600).unwrap();
        system.link(std::path::Path::new("other"), link).unwrap();
        flip(&instance).unwrap();
        if has_front() {
            assert_eq!(modes(&instance), (BEFORE, 0o644));
            return;
        }
        assert_eq!(modes(&instance), (0o775, 0o664));
        assert!(
            has_list(&instance),
            "only the list lets the server's group write"
        );
        let file = "application.log.2026-11-26-22";
        let owners = [":0 healthd".into(), format!(":900 {file}")];
        assert_eq!(take_owners(&instance), owners);
        // The server has begun the log of the next hour.
        let next = format!("{HEALTH_LOG}/application.log.2026-11-26-23");
        system.write(&next, b"", 0o664).unwrap();
        let owner = owner_before(&instance);
        uninstall::uninstall(system).unwrap();
        assert_eq!(modes(&instance), (BEFORE, 0o644));
        assert_eq!(mode(&instance, &next), 0o644);
        assert_eq!(mode(&instance, &other), 0o600);
        assert!(!has_list(&instance));
        let names = [file, "application.log.2026-11-26-23", "healthd"];
        let owners = names.map(|name| format!("{owner} {name}"));
        assert_eq!(take_owners(&instance), owners);
    });
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
            // EB's rename leaves no staging folder.
            system.remove(BUNDLE).unwrap();
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
                let is_unchanged = mode(&instance, HEALTH_LOG) == BEFORE;
                assert_eq!(is_unchanged, has_front(), "{name}");
                give_back(&instance);
            }
            assert_eq!(mode(&instance, HEALTH_LOG), BEFORE, "{name}");
            let owners = take_owners(&instance);
            match has_front() || name == "a failed adoption" {
                true => assert_eq!(owners, [""; 0], "{name}"),
                false => assert_eq!(owners.last(), Some(&format!("{owner} healthd")), "{name}"),
            }
        }
    });
}

/// A drain may last an hour. EB's flip must not wait for the drain, because systemd would end the start of web.service
/// at its time limit.
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
