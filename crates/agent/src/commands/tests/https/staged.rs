//! A deployment that changes HTTPS: nothing changes before the flip, and a deployment that EB does not complete leaves
//! nothing behind.

use super::*;
use crate::commands::{abort, expire};
use crate::testing::DEAD_MAN_SECONDS;

mod effect;

const OTHER: &str = "other.example";

/// Returns an instance with an authority's certificate.
fn with_a_certificate() -> Instance {
    let instance = with_a_new_certificate();
    install_certificate(&instance.system).unwrap();
    instance
}

fn stage_other(instance: &Instance) {
    unpack_renewed(instance, &[OTHER]);
    stage::stage(&instance.system, instance.bundle()).unwrap();
}

/// Returns the names for which the program for certificates orders a certificate.
fn ordered_names(instance: &Instance) -> Vec<String> {
    let settings = instance.system.settings_in_force().unwrap();
    let json = text(instance, layout::SETTINGS_IN_FORCE);
    if !json.is_empty() {
        assert_eq!(
            Settings::from_json(json.as_bytes()).unwrap().https,
            settings.https
        );
    }
    settings.https.domains
}

/// Checks that HTTPS is as before the deployment, and that the renewal continues.
#[track_caller]
fn assert_unchanged(instance: &Instance, before: &str) {
    assert_eq!(certificate(instance), before);
    assert_eq!(ordered_names(instance), [DOMAIN]);
    let renewed = of_authority(&[DOMAIN], 180);
    put(instance, NEWEST, &renewed);
    install_certificate(&instance.system).unwrap();
    assert_eq!(certificate(instance), renewed);
    put(instance, NEWEST, &of_authority(&[OTHER], 90));
    install_certificate(&instance.system).unwrap_err();
    assert_eq!(certificate(instance), renewed);
    let said = status::status(&instance.system, false).unwrap();
    assert!(
        said.contains("https  shop.example.com on port 443"),
        "{said}"
    );
}

#[test]
fn a_deployment_without_a_flip_leaves_https_as_it_was() {
    let end: [fn(&Instance); 5] = [
        |_| {},
        |instance| abort::abort(&instance.system).unwrap(),
        |instance| {
            instance.model.borrow_mut().uptime += DEAD_MAN_SECONDS;
            let timer = layout::DEADMAN_TIMER;
            instance.model.borrow_mut().units.remove(timer);
            expire::expire(&instance.system).unwrap();
        },
        Instance::reboot,
        |instance| restart::restart(&instance.system).unwrap(),
    ];
    for end in end {
        let instance = with_a_certificate();
        let before = certificate(&instance);
        stage_other(&instance);
        end(&instance);
        assert_unchanged(&instance, &before);
        // The next bundle has the old names again.
        unpack_renewed(&instance, &[DOMAIN]);
        let renewed = certificate(&instance);
        put(&instance, NEWEST, &renewed);
        deploy_unpacked(&instance);
        assert_eq!(certificate(&instance), renewed);
        assert_eq!(
            instance.system.names("/var/lib/flipless/at-flip").unwrap(),
            [""; 0]
        );
    }
}

#[test]
fn the_certificate_of_new_names_is_shown_from_the_flip_on() {
    let instance = with_a_certificate();
    stage_other(&instance);
    instance.take_calls();
    flip_with_proxy(&instance);
    let shown = certificate(&instance);
    assert!(
        shown.contains(OTHER) && shown.contains("\"self_signed\":true"),
        "{shown}"
    );
    assert_eq!(ordered_names(&instance), [OTHER]);
    let reload = format!("reload {}", layout::FRONT);
    assert!(instance.take_calls().contains(&reload));
    commit::commit(&instance.system).unwrap();
    put(&instance, NEWEST, &of_authority(&[OTHER], 90));
    install_certificate(&instance.system).unwrap();
    assert!(certificate(&instance).contains("R1"));
}

/// Kills the agent before and during the flip. The certificate on the disk has to belong to the current version,
/// because nginx loads this file when it starts again after a crash.
#[test]
fn a_killed_deployment_shows_no_certificate_of_a_version_that_is_not_current() {
    let stage_it: fn(&System) -> anyhow::Result<()> =
        |system| stage::stage(system, std::path::Path::new(BUNDLE));
    for (act, before) in [(stage_it, true), (web_started::web_started, false)] {
        let mut points = 0;
        loop {
            let instance = with_a_certificate();
            let first = certificate(&instance);
            unpack_renewed(&instance, &[OTHER]);
            if !before {
                stage_it(&instance.system).unwrap();
                instance
                    .system
                    .copy_tree(PROXY_STAGING, NGINX, None)
                    .unwrap();
                instance.flip();
            }
            let current = state(&instance).current;
            if instance.kill_at(points, act).is_none() {
                break;
            }
            let when = format!("killed at point {points}");
            if state(&instance).current == current {
                assert_eq!(certificate(&instance), first, "{when}");
                assert_eq!(ordered_names(&instance), [DOMAIN], "{when}");
            }
            match before {
                true => {
                    // Another command completes the interrupted work. Then the test deploys a bundle with the old
                    // names.
                    restart::restart(&instance.system).unwrap();
                    assert_eq!(certificate(&instance), first, "{when}");
                    unpack_renewed(&instance, &[DOMAIN]);
                    deploy_unpacked(&instance);
                    assert_eq!(certificate(&instance), first, "{when}");
                }
                false => {
                    commit::commit(&instance.system).unwrap();
                    assert!(certificate(&instance).contains(OTHER), "{when}");
                    assert_eq!(ordered_names(&instance), [OTHER], "{when}");
                }
            }
            points += 1;
        }
        assert!(points > 20, "{points}");
    }
}

#[test]
fn a_bundle_without_https_that_is_discarded_does_not_end_the_renewal() {
    let instance = with_a_certificate();
    unpack(&instance, |_| {});
    stage::stage(&instance.system, instance.bundle()).unwrap();
    abort::abort(&instance.system).unwrap();
    restart::restart(&instance.system).unwrap();
    assert_eq!(instance.unit(layout::RENEWAL_TIMER), "active");
    let before = certificate(&instance);
    assert_unchanged(&instance, &before);
}

#[test]
fn the_owners_certificate_of_a_discarded_version_is_not_shown() {
    let instance = with_a_certificate();
    let before = certificate(&instance);
    unpack_own(&instance);
    put(&instance, "/etc/shop/a.pem", "chain");
    put(&instance, "/etc/shop/b.pem", "key");
    stage::stage(&instance.system, instance.bundle()).unwrap();
    assert_eq!(certificate(&instance), before);
    abort::abort(&instance.system).unwrap();
    assert_unchanged(&instance, &before);
}

/// nginx could not start with such a file, so there is nothing to keep.
#[test]
fn a_certificate_that_nginx_cannot_load_is_replaced_at_once() {
    let instance = with_a_certificate();
    put(&instance, layout::CERTIFICATE, BROKEN);
    put(&instance, NEWEST, "none");
    unpack_renewed(&instance, &[DOMAIN]);
    stage::stage(&instance.system, instance.bundle()).unwrap();
    assert!(certificate(&instance).contains("self_signed"));
}

/// The settings of the discarded version stay on the disk until the next deployment.
#[test]
fn a_first_version_with_https_that_is_discarded_is_not_in_force() {
    let instance = Instance::new();
    unpack(&instance, |_| {});
    deploy_unpacked(&instance);
    let ends: [fn(&Instance); 4] = [
        |_| {},
        |instance| restart::restart(&instance.system).unwrap(),
        Instance::reboot,
        stage_other,
    ];
    for end in ends {
        unpack_renewed(&instance, &[DOMAIN]);
        stage::stage(&instance.system, instance.bundle()).unwrap();
        abort::abort(&instance.system).unwrap();
        end(&instance);
        assert_eq!(ordered_names(&instance), [""; 0]);
        let timer = instance.unit(layout::RENEWAL_TIMER);
        assert_eq!(timer, "inactive");
    }
}
