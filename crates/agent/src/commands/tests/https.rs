//! HTTPS: the pieces of nginx's configuration, the certificate, the units that renew the certificate, and the alarm.

use flipless_settings::nginx::https::{LOCATIONS, NONE, SERVER};
use flipless_settings::stock::NGINX_FILES;
use flipless_settings::{Settings, nginx};

use super::*;
use crate::commands::install_certificate::install_certificate;
use crate::commands::status;
use crate::deployment::alarm;
use crate::instance::paths::NGINX;
use crate::testing::Disk;
use crate::testing::certificates::{BROKEN, of_authority};

mod own;
mod renewal;
mod staged;

const DOMAIN: &str = "shop.example.com";
/// The newest certificate of the authority.
const NEWEST: &str = "/var/lib/flipless-certificates/certificate.pem";

fn put(instance: &Instance, path: &str, text: &str) {
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

fn text(instance: &Instance, path: &str) -> String {
    let content = instance.system.read(path).unwrap();
    String::from_utf8(content.unwrap_or_default()).unwrap()
}

/// Unpacks a bundle with changed settings, and stages EB's configuration of nginx.
fn unpack(instance: &Instance, change: impl FnOnce(&mut Settings)) {
    let mut settings = Settings::default();
    change(&mut settings);
    let settings = settings.to_json().unwrap();
    put(
        instance,
        &format!("{BUNDLE}/{}", layout::SETTINGS_FILE),
        &settings,
    );
    instance.system.remove(PROXY_STAGING).unwrap();
    for (path, content) in NGINX_FILES {
        put(instance, &format!("{PROXY_STAGING}/{path}"), content);
    }
    let program = format!("{BUNDLE}/bin/{}", layout::CERTIFICATES_BIN);
    put(instance, &program, "the program");
    for unit in [
        layout::RENEWAL,
        layout::RENEWAL_TIMER,
        layout::OWN_CERTIFICATE,
        layout::OWN_CERTIFICATE_PATH,
        layout::OWN_CERTIFICATE_TIMER,
    ] {
        instance
            .system
            .remove(format!("{BUNDLE}/systemd/{unit}"))
            .unwrap();
    }
}

fn with_domains(domains: &[&str]) -> impl FnOnce(&mut Settings) {
    let domains = domains.iter().map(ToString::to_string).collect();
    move |settings| settings.https.domains = domains
}

/// Unpacks a bundle with HTTPS, whose certificate comes from an authority.
fn unpack_renewed(instance: &Instance, domains: &[&str]) {
    unpack(instance, with_domains(domains));
    for unit in [layout::RENEWAL, layout::RENEWAL_TIMER] {
        put(instance, &format!("{BUNDLE}/systemd/{unit}"), "[Unit]\n");
    }
}

/// Plays EB's flip, which also copies nginx's configuration to `/etc/nginx`, and deletes no file there.
fn flip_with_proxy(instance: &Instance) {
    instance
        .system
        .copy_tree(PROXY_STAGING, NGINX, None)
        .unwrap();
    flip(instance).unwrap();
    crate::proxy::sync::sync(&instance.system).unwrap();
}

fn deploy_unpacked(instance: &Instance) {
    stage::stage(&instance.system, instance.bundle()).unwrap();
    flip_with_proxy(instance);
    commit::commit(&instance.system).unwrap();
    instance.let_drain();
}

/// Returns an instance that serves HTTPS with a self-signed certificate.
fn with_https() -> Instance {
    let instance = Instance::new();
    unpack_renewed(&instance, &[DOMAIN]);
    deploy_unpacked(&instance);
    instance
}

/// Returns an instance for which the authority has made a certificate. The agent has not installed this certificate
/// yet.
fn with_a_new_certificate() -> Instance {
    let instance = with_https();
    put(&instance, NEWEST, &of_authority(&[DOMAIN], 90));
    instance
}

fn in_force(instance: &Instance, piece: &str) -> String {
    text(instance, &format!("{NGINX}/{piece}"))
}

fn certificate(instance: &Instance) -> String {
    text(instance, layout::CERTIFICATE)
}

/// Lets days pass, on the clock and in the time since boot.
fn pass(instance: &Instance, days: u64) {
    instance.model.borrow_mut().uptime += days * 86_400;
}

#[test]
fn a_deployment_serves_https_with_a_self_signed_certificate_and_starts_the_renewal() {
    let instance = with_https();
    assert!(certificate(&instance).contains("\"self_signed\":true"));
    let server = in_force(&instance, SERVER);
    assert!(server.contains("listen 443 ssl default_server"), "{server}");
    // EB's own server on the public port has the same line.
    assert!(server.contains("\n    gzip off;\n"), "{server}");
    assert!(in_force(&instance, LOCATIONS).contains("acme-challenge"));
    let application = in_force(&instance, "conf.d/elasticbeanstalk/00_application.conf");
    assert!(application.contains("X-Forwarded-Proto"), "{application}");
    let calls = instance.take_calls();
    let timer = layout::RENEWAL_TIMER;
    for call in [
        format!("enable --quiet {timer}"),
        format!("start {timer}"),
        format!("start --no-block {}", layout::RENEWAL),
    ] {
        assert!(calls.contains(&call), "{call}: {calls:?}");
    }
    assert_eq!(text(&instance, layout::CERTIFICATES), "the program");
}

#[test]
fn the_files_with_a_key_can_be_read_by_root_alone() {
    use std::os::unix::fs::PermissionsExt;
    let instance = with_https();
    for (path, mode) in [
        (layout::CERTIFICATE, 0o600),
        ("/var/lib/flipless/https", 0o700),
    ] {
        let metadata = instance.system.locate(path).metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{path}");
    }
}

#[test]
fn the_authoritys_certificate_is_installed_once_and_nginx_loads_it() {
    let instance = with_https();
    let newest = of_authority(&[DOMAIN], 90);
    put(&instance, NEWEST, &newest);
    instance.take_calls();
    install_certificate(&instance.system).unwrap();
    assert_eq!(certificate(&instance), newest);
    let reload = format!("reload {}", layout::FRONT);
    assert!(instance.take_calls().contains(&reload));
    install_certificate(&instance.system).unwrap();
    assert!(!instance.take_calls().contains(&reload), "nothing is new");
    let runtime = instance.system.names(layout::RUNTIME).unwrap();
    let left = runtime.iter().find(|name| name.starts_with("certificate"));
    assert_eq!(left, None);
    // The next deployment keeps this certificate.
    unpack_renewed(&instance, &[DOMAIN]);
    deploy_unpacked(&instance);
    assert_eq!(certificate(&instance), newest);
}

/// An nginx that is starting may already have read the old certificate. If a reload is postponed to the last hook, the
/// new certificate must not cause an earlier reload.
#[test]
fn a_certificate_that_nginx_cannot_load_yet_is_loaded_later() {
    let reload = format!("reload {}", layout::FRONT);
    let install = |instance: &Instance| {
        instance.take_calls();
        install_certificate(&instance.system).unwrap();
        instance.take_calls().contains(&reload)
    };
    let starting = |instance: &Instance, state: &str| {
        let mut model = instance.model.borrow_mut();
        model.units.insert(layout::FRONT.into(), state.into());
    };
    let check = |instance: &Instance| {
        instance.take_calls();
        crate::proxy::sync::check(&instance.system).unwrap();
        instance.take_calls().contains(&reload)
    };
    for state in ["activating", "reloading"] {
        // `front-check`, which the timer of the listeners starts, also loads a certificate that had to wait.
        for by_timer in [false, true] {
            let again = |instance: &Instance| match by_timer {
                true => check(instance),
                false => install(instance),
            };
            let instance = with_a_new_certificate();
            starting(&instance, state);
            assert!(!install(&instance), "{state}");
            starting(&instance, "active");
            assert!(again(&instance), "{state}");
            assert!(!again(&instance), "{state}: already loaded");
        }
    }
    // In a flip, `sync` loads the waiting certificate. `check` then has nothing to load.
    let instance = with_a_new_certificate();
    starting(&instance, "reloading");
    assert!(!install(&instance));
    starting(&instance, "active");
    crate::proxy::sync::sync(&instance.system).unwrap();
    assert!(!check(&instance));
    assert!(!instance.system.exists("/run/flipless/certificate-waits"));
    let instance = with_a_new_certificate();
    put(
        &instance,
        "/run/flipless/front-postponed",
        "1\ndigest\n17\n",
    );
    assert!(!install(&instance));
    instance
        .system
        .remove("/run/flipless/front-postponed")
        .unwrap();
    assert!(install(&instance));
}

#[test]
fn a_candidate_that_is_not_fit_replaces_nothing() {
    let instance = with_https();
    let before = certificate(&instance);
    for (candidate, said) in [
        (
            of_authority(&["other.example"], 90),
            "does not cover shop.example.com",
        ),
        (of_authority(&[DOMAIN], -1), "has expired"),
        (
            of_authority(&[DOMAIN, BROKEN], 90),
            "cannot load certificate",
        ),
        ("no PEM".into(), "not PEM"),
    ] {
        put(&instance, NEWEST, &candidate);
        instance.take_calls();
        let error = install_certificate(&instance.system).unwrap_err();
        assert!(format!("{error:#}").contains(said), "{error:#}");
        assert_eq!(certificate(&instance), before);
        let reload = format!("reload {}", layout::FRONT);
        assert!(!instance.take_calls().contains(&reload), "{said}");
        let folder = instance.system.names("/var/lib/flipless/https").unwrap();
        assert_eq!(folder, ["certificate.pem"], "{said}");
    }
}

#[test]
fn a_changed_list_of_names_keeps_the_authoritys_certificate_until_the_next_one() {
    let instance = with_https();
    let first = of_authority(&[DOMAIN], 90);
    put(&instance, NEWEST, &first);
    install_certificate(&instance.system).unwrap();
    unpack_renewed(&instance, &[DOMAIN, "www.example.com"]);
    deploy_unpacked(&instance);
    assert_eq!(certificate(&instance), first);
    // The first certificate does not cover the next name.
    unpack_renewed(&instance, &["other.example"]);
    deploy_unpacked(&instance);
    assert!(certificate(&instance).contains("other.example"));
}

#[test]
fn a_deployment_that_fails_restores_the_certificate() {
    let instance = with_https();
    let before = certificate(&instance);
    unpack_renewed(&instance, &["other.example"]);
    instance.model.borrow_mut().nginx_refuses_with = Some("zz-flipless-https.conf".into());
    stage::stage(&instance.system, instance.bundle()).unwrap_err();
    assert_eq!(certificate(&instance), before);
}

/// A new certificate would count towards the authority's limit of 5 certificates in 7 days for the same names.
#[test]
fn the_newest_certificate_of_the_authority_is_used_again_after_a_bundle_without_https() {
    let instance = with_https();
    let newest = of_authority(&[DOMAIN], 90);
    put(&instance, NEWEST, &newest);
    unpack(&instance, |_| {});
    deploy_unpacked(&instance);
    assert_eq!(certificate(&instance), "");
    unpack_renewed(&instance, &[DOMAIN]);
    deploy_unpacked(&instance);
    assert_eq!(certificate(&instance), newest);
}

#[test]
fn a_bundle_without_https_ends_it_in_the_flip_and_not_before() {
    let instance = with_https();
    unpack(&instance, |_| {});
    stage::stage(&instance.system, instance.bundle()).unwrap();
    assert!(in_force(&instance, SERVER).contains("listen 443"));
    let staged = format!("{PROXY_STAGING}/{SERVER}");
    assert_eq!(text(&instance, &staged), NONE);
    flip_with_proxy(&instance);
    commit::commit(&instance.system).unwrap();
    for piece in [SERVER, LOCATIONS] {
        assert!(
            !instance.system.exists(format!("{NGINX}/{piece}")),
            "{piece}"
        );
    }
    let application = in_force(&instance, "conf.d/elasticbeanstalk/00_application.conf");
    assert!(!application.contains("X-Forwarded-Proto"), "{application}");
    for unit in [layout::RENEWAL, layout::RENEWAL_TIMER] {
        assert!(!instance.system.exists(format!("{UNITS}/{unit}")), "{unit}");
    }
    assert_eq!(instance.unit(layout::RENEWAL_TIMER), "inactive");
    assert!(!instance.system.exists(layout::CERTIFICATES));
}

#[test]
fn an_uninstalled_instance_has_no_piece_and_no_unit_of_https() {
    let instance = with_https();
    put(&instance, NEWEST, "kept");
    uninstall::uninstall(&instance.system).unwrap();
    let left = instance.files();
    let ours = |path: &&String| path.contains("flipless") && !path.contains("/var/app");
    let left: Vec<_> = left.keys().filter(ours).collect();
    assert!(left.len() == 1 && left[0].ends_with(NEWEST), "{left:?}");
    let application = in_force(&instance, "conf.d/elasticbeanstalk/00_application.conf");
    assert!(!application.contains("flipless"), "{application}");
}

#[test]
fn an_instance_from_an_image_has_no_account_and_no_key_of_the_other_instance() {
    let instance = Instance::new();
    instance.identify_as("i-0000000000000000a\n");
    unpack_renewed(&instance, &[DOMAIN]);
    deploy_unpacked(&instance);
    let account = "/var/lib/private/flipless-certificates/account.json";
    put(&instance, account, "a key");
    put(&instance, NEWEST, "a key");
    instance.shut_down();
    instance.identify_as("i-0000000000000000b\n");
    instance.reboot();
    for path in [account, NEWEST, layout::CERTIFICATE] {
        assert!(!instance.system.exists(path), "{path}");
    }
}

#[test]
fn the_alarm_is_raised_in_the_last_sixth_of_the_life_and_ends_after_a_renewal() {
    let instance = with_https();
    put(&instance, NEWEST, &of_authority(&[DOMAIN], 90));
    pass(&instance, 74);
    install_certificate(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
    pass(&instance, 2);
    let progress =
        r#"{"next_try": 1, "failures": 3, "last_error": "too many certificates", "more": []}"#;
    put(
        &instance,
        "/var/lib/flipless-certificates/progress.json",
        progress,
    );
    install_certificate(&instance.system).unwrap();
    let reason = alarm::reason(&instance.system).unwrap().unwrap();
    let expected =
        "the certificate of HTTPS for shop.example.com expires in 14 days: too many certificates";
    assert_eq!(reason, expected);
    let said = status::status(&instance.system, false).unwrap();
    assert!(
        said.contains("or a renewal: the certificate of HTTPS"),
        "{said}"
    );
    put(&instance, NEWEST, &of_authority(&[DOMAIN], 180));
    install_certificate(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
}

#[test]
fn another_alarm_and_a_deployment_in_progress_are_left_alone() {
    let instance = with_https();
    put(&instance, NEWEST, &of_authority(&[DOMAIN], 90));
    install_certificate(&instance.system).unwrap();
    pass(&instance, 80);
    unpack_renewed(&instance, &[DOMAIN]);
    stage::stage(&instance.system, instance.bundle()).unwrap();
    install_certificate(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None, "staged");
    flip_with_proxy(&instance);
    commit::commit(&instance.system).unwrap();
    install_certificate(&instance.system).unwrap();
    assert_eq!(
        alarm::reason(&instance.system).unwrap(),
        None,
        "just flipped"
    );
    pass(&instance, 1);
    alarm::raise(&instance.system, "rolled back").unwrap();
    install_certificate(&instance.system).unwrap();
    let reason = alarm::reason(&instance.system).unwrap();
    assert_eq!(reason.as_deref(), Some("rolled back"));
}

#[test]
fn status_shows_the_names_the_end_and_the_authoritys_reason() {
    let instance = with_https();
    let said = status::status(&instance.system, false).unwrap();
    let line = "https  shop.example.com on port 443: a self-signed certificate, which no client trusts, expires in";
    assert!(said.contains(line), "{said}");
    put(&instance, NEWEST, &of_authority(&[DOMAIN], 90));
    install_certificate(&instance.system).unwrap();
    let progress =
        r#"{"next_try": 1800007200, "failures": 1, "last_error": "rate limited", "renew_at": 1}"#;
    put(
        &instance,
        "/var/lib/flipless-certificates/progress.json",
        progress,
    );
    let said = status::status(&instance.system, false).unwrap();
    for line in [
        "https  shop.example.com on port 443: the certificate of CN=R1 expires in 90 days\n",
        "https  the next request to the authority is in 2 h\n",
        "https  the last attempt has failed: rate limited\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json = status::status(&instance.system, true).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["https"]["domains"][0], DOMAIN);
    assert_eq!(json["https"]["certificate"]["self_signed"], false);
    assert_eq!(json["https"]["last_error"], "rate limited");
}

/// Unpacks a bundle that names the owner's own certificate.
fn unpack_own(instance: &Instance) {
    unpack(instance, |settings| {
        settings.https.domains = vec![DOMAIN.into()];
        settings.https.certificate = Some("/etc/shop/a.pem".into());
        settings.https.key = Some("/etc/shop/b.pem".into());
    });
    for unit in [
        layout::OWN_CERTIFICATE,
        layout::OWN_CERTIFICATE_PATH,
        layout::OWN_CERTIFICATE_TIMER,
    ] {
        put(instance, &format!("{BUNDLE}/systemd/{unit}"), "[Unit]\n");
    }
}

#[test]
fn an_own_certificate_is_tested_before_the_flip_and_a_changed_one_is_loaded() {
    let instance = Instance::new();
    unpack_own(&instance);
    let error = stage::stage(&instance.system, instance.bundle()).unwrap_err();
    let said = "cannot read /etc/shop/b.pem, which [https] key names: it does not exist";
    assert!(format!("{error:#}").contains(said), "{error:#}");
    put(&instance, "/etc/shop/a.pem", "chain");
    put(&instance, "/etc/shop/b.pem", "key");
    deploy_unpacked(&instance);
    assert_eq!(certificate(&instance), "key\nchain");
    assert_eq!(instance.unit(layout::OWN_CERTIFICATE_PATH), "active");
    put(&instance, "/etc/shop/a.pem", BROKEN);
    install_certificate(&instance.system).unwrap_err();
    assert_eq!(certificate(&instance), "key\nchain");
    put(&instance, "/etc/shop/a.pem", "next");
    install_certificate(&instance.system).unwrap();
    assert_eq!(certificate(&instance), "key\nnext");
    // A bundle with an authority's certificate removes the units for the owner's own.
    unpack_renewed(&instance, &[DOMAIN]);
    deploy_unpacked(&instance);
    assert!(
        !instance
            .system
            .exists(format!("{UNITS}/{}", layout::OWN_CERTIFICATE_PATH))
    );
    assert!(certificate(&instance).contains("self_signed"));
}

#[test]
fn the_hmac_key_of_a_binding_comes_from_its_property() {
    let instance = Instance::new();
    let bind = |settings: &mut Settings| {
        settings.https.domains = vec![DOMAIN.into()];
        settings.https.account_key_id = Some("k".into());
        settings.https.account_hmac_property = Some("ACME_HMAC".into());
    };
    unpack(&instance, bind);
    let error = stage::stage(&instance.system, instance.bundle()).unwrap_err();
    assert!(format!("{error:#}").contains("ACME_HMAC"), "{error:#}");
    let properties = br#"{"ACME_HMAC": "c2VjcmV0"}"#.to_vec();
    instance.model.borrow_mut().properties = Some((true, properties, String::new()));
    deploy_unpacked(&instance);
    assert_eq!(text(&instance, layout::ACCOUNT_HMAC), "c2VjcmV0");
}

/// Kills the agent at each crash point. A second call of the command completes the work.
#[test]
fn a_killed_installation_is_completed_and_nginx_loads_the_certificate() {
    let newest = of_authority(&[DOMAIN], 90);
    let mut points = 0;
    loop {
        let instance = with_a_new_certificate();
        instance.take_calls();
        let before = certificate(&instance);
        if instance.kill_at(points, install_certificate).is_none() {
            break;
        }
        let now = certificate(&instance);
        assert!(now == before || now == newest, "killed at point {points}");
        install_certificate(&instance.system).unwrap();
        assert_eq!(certificate(&instance), newest, "killed at point {points}");
        let reload = format!("reload {}", layout::FRONT);
        assert!(
            instance.take_calls().contains(&reload),
            "killed at point {points}"
        );
        points += 1;
    }
    assert!(points > 20, "{points}");
}

/// At every moment the disk has a certificate that nginx can load.
#[test]
fn a_full_disk_keeps_the_old_certificate_and_the_next_call_installs_the_new_one() {
    let newest = of_authority(&[DOMAIN], 90);
    for healthy in 0.. {
        let instance = with_a_new_certificate();
        let before = certificate(&instance);
        instance.model.borrow_mut().disk = Some(Disk {
            healthy,
            error: rustix::io::Errno::NOSPC,
            everywhere: true,
            failed: false,
        });
        let outcome = install_certificate(&instance.system);
        let disk = instance.model.borrow_mut().disk.take().unwrap();
        if !disk.failed {
            outcome.unwrap();
            assert!(healthy > 5, "{healthy}");
            break;
        }
        let now = certificate(&instance);
        assert!(now == before || now == newest, "change {healthy}");
        install_certificate(&instance.system).unwrap();
        assert_eq!(certificate(&instance), newest, "change {healthy}");
    }
}

/// Kills `stage` at its crash points. The current version keeps its certificate and its pieces of nginx's
/// configuration, and the next deployment succeeds.
#[test]
fn a_killed_stage_leaves_https_as_it_was() {
    let mut points = 0;
    loop {
        let instance = with_https();
        put(&instance, NEWEST, &of_authority(&[DOMAIN], 90));
        install_certificate(&instance.system).unwrap();
        let before = (certificate(&instance), in_force(&instance, SERVER));
        unpack_renewed(&instance, &[DOMAIN, "www.example.com"]);
        let stage_it = |system: &System| stage::stage(system, std::path::Path::new(BUNDLE));
        if instance.kill_at(points, stage_it).is_none() {
            break;
        }
        let after = (certificate(&instance), in_force(&instance, SERVER));
        assert_eq!(after, before, "killed at point {points}");
        deploy_unpacked(&instance);
        points += 3;
    }
    assert!(points > 20, "{points}");
}

/// If `commit` was killed, the next `commit` starts the units for the owner's own certificate, and removes the units
/// for an authority's certificate.
#[test]
fn a_killed_commit_is_completed() {
    let mut points = 0;
    loop {
        let instance = with_https();
        unpack_own(&instance);
        put(&instance, "/etc/shop/a.pem", "chain");
        put(&instance, "/etc/shop/b.pem", "key");
        stage::stage(&instance.system, instance.bundle()).unwrap();
        flip_with_proxy(&instance);
        if instance.kill_at(points, commit::commit).is_none() {
            break;
        }
        commit::commit(&instance.system).unwrap();
        let when = format!("killed at point {points}");
        assert_eq!(
            instance.unit(layout::OWN_CERTIFICATE_PATH),
            "active",
            "{when}"
        );
        assert_eq!(instance.unit(layout::RENEWAL_TIMER), "inactive", "{when}");
        assert!(
            !instance
                .system
                .exists(format!("{UNITS}/{}", layout::RENEWAL)),
            "{when}"
        );
        points += 1;
    }
    assert!(points > 20, "{points}");
}

/// The nginx of EB's platform accepts `http2 on;`. An older nginx, such as that of Debian 12, needs another syntax.
#[test]
fn nginxs_version_decides_the_syntax() {
    assert_eq!(nginx::PLATFORM, (1, 28, 0));
    let instance = with_https();
    assert!(in_force(&instance, SERVER).contains("http2 on;"));
}
