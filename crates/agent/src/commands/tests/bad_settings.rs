//! Unreadable settings, for example on a damaged disk. The next deployment replaces these settings.

use super::*;

fn damaged() -> Instance {
    let instance = deployed("v1");
    let system = &instance.system;
    system.write(layout::SETTINGS, b"{", 0o644).unwrap();
    instance.take_calls();
    instance
}

#[test]
fn a_deployment_replaces_settings_that_cannot_be_read() {
    let instance = damaged();
    deploy(&instance, "v2");
    assert!(instance.system.settings().is_ok());
}

#[test]
fn without_settings_the_instance_is_not_given_back_partly() {
    let instance = damaged();
    let error = uninstall::uninstall(&instance.system).unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.contains(layout::SETTINGS) && said.contains("deploy again"),
        "{said}"
    );
    assert_eq!(instance.take_calls(), [""; 0], "nothing is stopped");
}
