#![allow(clippy::unwrap_used)]

use super::*;
use crate::instance::paths::FLIPPED;
use crate::proxy::advice::Advice;
use crate::testing::{BUNDLE, Instance};

/// An instance with a staged configuration that has the bundle's own pieces.
fn staged() -> Instance {
    let instance = Instance::new();
    for (file, text) in [
        ("nginx.conf", "http {}"),
        ("conf.d/own.conf", "# the owner's"),
        (
            "conf.d/elasticbeanstalk/00_application.conf",
            flipless_settings::stock::APPLICATION_CONF,
        ),
    ] {
        let path = format!("{PROXY_STAGING}/{file}");
        instance.system.write(path, text.as_bytes(), 0o644).unwrap();
    }
    let front = format!("{BUNDLE}/systemd/{}", flipless_settings::layout::FRONT);
    let unit = b"[Service]\nProtectHome=read-only\n";
    instance.system.write(front, unit, 0o644).unwrap();
    for piece in [UPSTREAM, KEEPALIVE] {
        let path = format!("{BUNDLE}/nginx/{piece}");
        instance.system.write(path, b"# ours\n", 0o644).unwrap();
    }
    instance
}

fn test(instance: &Instance) -> Result<()> {
    super::test(&instance.system, instance.bundle(), &Settings::default())
}

fn has(instance: &Instance, piece: &str) -> bool {
    let path = format!("{PROXY_STAGING}/conf.d/{piece}");
    instance.system.exists(path)
}

/// With an absolute include of /etc/nginx/conf.d, EB's test reads the staged proxy_pass and the old conf.d.
#[test]
fn a_piece_of_the_bundle_that_ebs_own_test_refuses_is_left_out() {
    for (refused, kept) in [(UPSTREAM, KEEPALIVE), (KEEPALIVE, "own.conf")] {
        let instance = staged();
        instance.model.borrow_mut().eb_refuses_with = Some(refused.into());
        test(&instance).unwrap();
        assert!(!has(&instance, refused), "{refused}");
        assert!(has(&instance, kept), "{kept}");
    }
}

/// If a killed test counted as a refusal, the configuration would lack flipless's pieces until the next deployment.
#[test]
fn a_test_that_is_killed_refuses_nothing() {
    let instance = staged();
    instance.model.borrow_mut().test_is_killed = true;
    test(&instance).unwrap();
    assert!(has(&instance, UPSTREAM) && has(&instance, KEEPALIVE));
}

#[test]
fn a_configuration_that_ebs_own_test_refuses_is_refused_with_nginxs_line() {
    let instance = staged();
    instance.model.borrow_mut().eb_refuses_with = Some("own.conf".into());
    let error = format!("{:#}", test(&instance).unwrap_err());
    let command = "after EB has stopped nginx (`nginx -t -c /var/proxy/staging/nginx/nginx.conf`)";
    assert!(error.contains(command), "{error}");
    assert!(error.contains("host not found in upstream"), "{error}");
}

#[test]
fn nginx_is_tested_in_the_sandbox_that_the_bundles_front_has() {
    let instance = staged();
    test(&instance).unwrap();
    let tests = instance.model.borrow().tests.clone();
    let [by_eb, by_front] = &tests[..] else {
        panic!("{tests:?}")
    };
    let current = "\nBindPaths=/var/app/staging:/var/app/current\n";
    assert!(by_eb.contains(current) && by_front.contains(current));
    assert!(
        !by_eb.contains("ProtectHome="),
        "EB has no sandbox: {by_eb}"
    );
    for part in [
        "\nProtectHome=read-only\n",
        "\nBindPaths=/run/flipless/nginx-test:/etc/nginx\n",
        "\nExecStart=/usr/sbin/nginx -T -q\n",
    ] {
        assert!(by_front.contains(part), "{part}: {by_front}");
    }
}

#[test]
fn without_a_front_the_test_has_the_sandbox_of_ebs_nginx() {
    let instance = staged();
    let front = format!("{BUNDLE}/systemd/{}", flipless_settings::layout::FRONT);
    instance.system.remove(front).unwrap();
    // EB's own nginx opens any address itself.
    instance.model.borrow_mut().listens = Some("listen [::]:80 ipv6only=off;".into());
    test(&instance).unwrap();
    let tests = instance.model.borrow().tests.clone();
    assert!(tests[1].contains("\nPrivateTmp=true\n"), "{tests:?}");
}

#[test]
fn a_configuration_that_only_the_sandbox_refuses_is_refused_with_a_hint() {
    let instance = staged();
    instance.model.borrow_mut().sandbox_refuses_with = Some("own.conf".into());
    let error = test(&instance).unwrap_err();
    assert!(format!("{error:#}").contains("host not found"), "{error:#}");
    let hint = crate::hint::of(&error).unwrap();
    assert!(hint.contains("ReadWritePaths="), "{hint}");
}

#[test]
fn an_address_that_conflicts_with_systemds_is_refused_with_a_hint() {
    for (listens, hint) in [
        ("listen [::]:80 ipv6only=off;", "listen [::]:80;"),
        ("listen 10.0.0.1:80;", "listen 80;"),
        ("listen 8080;", "listen 80;"),
    ] {
        let instance = staged();
        instance.model.borrow_mut().listens = Some(listens.into());
        let error = test(&instance).unwrap_err();
        let advice: Option<&Advice> = error.chain().find_map(|cause| cause.downcast_ref());
        assert!(advice.unwrap().hint.contains(hint), "{listens}: {error:#}");
    }
}

/// systemd creates the folder for a bind mount if it is missing.
#[test]
fn the_test_leaves_no_current_application_behind() {
    let instance = staged();
    instance.system.make_folder(FLIPPED).unwrap();
    test(&instance).unwrap();
    assert!(instance.system.exists(FLIPPED), "EB's own folder stays");
    instance.system.remove(FLIPPED).unwrap();
    test(&instance).unwrap();
    assert!(!instance.system.exists(FLIPPED));
}

#[test]
fn a_deployment_asks_nginx_for_its_version_once() {
    let instance = staged();
    test(&instance).unwrap();
    assert!(has(&instance, UPSTREAM) && has(&instance, KEEPALIVE));
    let calls = instance.take_nginx_calls();
    assert_eq!(calls.iter().filter(|call| *call == "-v").count(), 1);
}

#[test]
fn an_environment_with_another_proxy_server_is_refused() {
    for (server, refused) in [
        ("apache\n", true),
        ("\"none\"\n", true),
        ("nginx\n", false),
        ("", false),
    ] {
        let instance = Instance::new();
        instance.model.borrow_mut().proxy_server = Some(server);
        let tested = test(&instance);
        assert_eq!(tested.is_err(), refused, "{server}");
        let Err(error) = tested else { continue };
        let advice = error.downcast_ref::<Advice>().unwrap();
        assert!(
            advice.reason.contains(server.trim().trim_matches('"')),
            "{advice}"
        );
        assert!(advice.hint.contains("ProxyServer"), "{}", advice.hint);
    }
}
