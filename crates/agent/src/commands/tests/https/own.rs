//! The expiry of the owner's own certificate.

use super::*;

/// Made by `openssl req -x509 -days 90`. It is valid for 40 more days when the model's time begins.
const OWN: &str = include_str!("own.pem");

fn with_own() -> Instance {
    let instance = Instance::new();
    unpack_own(&instance);
    put(&instance, "/etc/shop/a.pem", OWN);
    put(&instance, "/etc/shop/b.pem", "key");
    deploy_unpacked(&instance);
    instance
}

#[test]
fn status_shows_when_the_owners_certificate_expires() {
    let instance = with_own();
    let status = || status::status(&instance.system, false).unwrap();
    let line = "https  shop.example.com on port 443: your own certificate, /etc/shop/a.pem, expires in 40 days\n";
    assert!(status().contains(line), "{}", status());
    let json = status::status(&instance.system, true).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["https"]["certificate"]["names"][0], DOMAIN);
    pass(&instance, 50);
    assert!(
        status().contains("/etc/shop/a.pem, has expired\n"),
        "{}",
        status()
    );
    put(&instance, "/etc/shop/a.pem", "chain");
    install_certificate(&instance.system).unwrap();
    assert!(
        status().contains("whose expiry date is unknown\n"),
        "{}",
        status()
    );
}

#[test]
fn the_alarm_is_raised_two_weeks_before_the_expiry_and_ends_with_the_next_certificate() {
    let instance = with_own();
    let timer = layout::OWN_CERTIFICATE_TIMER;
    assert_eq!(instance.unit(timer), "active");
    assert!(instance.model.borrow().enabled.contains(timer));
    pass(&instance, 26);
    install_certificate(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
    pass(&instance, 1);
    install_certificate(&instance.system).unwrap();
    let reason = alarm::reason(&instance.system).unwrap();
    let expected =
        "the certificate of HTTPS for shop.example.com expires in 13 days: replace /etc/shop/a.pem";
    assert_eq!(reason.as_deref(), Some(expected));
    put(&instance, "/etc/shop/a.pem", "next");
    install_certificate(&instance.system).unwrap();
    assert_eq!(alarm::reason(&instance.system).unwrap(), None);
}
