//! Configurations without the public port.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::proxy::front::{load_certificate, renew};
use crate::proxy::sync::{Synced, check, sync};
use crate::proxy::unit::master;
use crate::testing::Instance;
use crate::testing::front::{configure, exact, hang_up, listening};
use crate::testing::processes;

const BOTH: &str = "listen 80; listen 443;";

fn is_lost_now(instance: &Instance) -> bool {
    is_lost(&instance.system, master(&instance.system).unwrap()).unwrap()
}

#[test]
fn no_reload_loads_a_configuration_without_the_public_port() {
    for listens in ["listen 443;", "listen 127.0.0.1:80; listen 443;"] {
        let instance = listening(BOTH);
        let system = &instance.system;
        configure(&instance, listens);
        let error = crate::proxy::front::reload(system).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("public port 80"), "{error}");
        for refused in [
            renew(system).map(drop),
            load_certificate(system).map(drop),
            sync(system).map(drop),
        ] {
            refused.expect_err(listens);
        }
        assert_eq!(exact(&instance, listens), [80, 443]);
    }
}

/// A hook has run `nginx -s reload`.
#[test]
fn a_public_port_that_nginx_has_closed_is_taken_over_again() {
    for by_timer in [true, false] {
        let instance = listening(BOTH);
        configure(&instance, "listen 443;");
        hang_up(&instance);
        assert!(is_lost_now(&instance));
        let error = format!("{:#}", check(&instance.system).unwrap_err());
        assert!(
            error.contains("no longer serves the public port"),
            "{error}"
        );
        configure(&instance, BOTH);
        let synced = match by_timer {
            true => check(&instance.system),
            false => sync(&instance.system),
        };
        assert_eq!(synced.unwrap(), Synced::Replaced);
        assert!(!is_lost_now(&instance));
        assert_eq!(exact(&instance, "a new master"), [80, 443]);
        assert_eq!(check(&instance.system).unwrap(), Synced::Unchanged);
    }
}

#[test]
fn a_master_without_workers_has_lost_nothing() {
    let instance = listening(BOTH);
    let root = instance.system.locate("/");
    let old = master(&instance.system).unwrap();
    processes::end(&root, old);
    assert!(!is_lost_now(&instance));
    processes::add(&root, old, 1, "nginx: master process");
    assert!(
        !is_lost_now(&instance),
        "it has not opened its listeners yet"
    );
}
