//! HTTPS with the owner's own certificate. Tests requests, HTTP/2, a changed certificate, and a broken one.

use std::time::Duration;

use rehearse::machine::wait_for;

use crate::rig::{PATIENCE, Rig};
use crate::update::Update;

/// The time limit for a change of the certificate's files. The timer of the service calls it once a minute.
const LOOKS_AGAIN: Duration = Duration::from_secs(120);

pub fn an_own_certificate_is_served_and_a_changed_one_is_loaded(rig: &mut Rig, _: &Update) {
    serves(rig);
    let before = serial(rig);
    rig.must(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=shop.example.com \
         -keyout /etc/shop/key.pem -out /etc/shop/certificate.pem 2>/dev/null",
    );
    let changed = wait_for(LOOKS_AGAIN, || (serial(rig) != before).then_some(()));
    assert!(changed.is_some(), "{}", journal(rig));
    let after = serial(rig);
    // Without its unit, systemd misses the change, as it also misses one while the service runs.
    rig.must("systemctl stop flipless-own-certificate.path");
    rig.must("echo broken > /etc/shop/certificate.pem");
    let refused = wait_for(LOOKS_AGAIN, || {
        journal(rig).contains("the old one stays").then_some(())
    });
    assert!(refused.is_some(), "{}", journal(rig));
    rig.must("systemctl start flipless-own-certificate.path");
    let said = journal(rig);
    assert!(
        !said.contains("Starting"),
        "the calls of the timer would fill the journal: {said}"
    );
    // After a crash, nginx needs a certificate that it can load.
    rig.must("systemctl kill --signal=KILL --kill-who=main flipless-front");
    let again = wait_for(PATIENCE, || (serial(rig) == after).then_some(()));
    assert!(again.is_some(), "the last good certificate");
    // Removes the broken certificate. The hook of this case makes new files only if there are none.
    rig.must("rm -r /etc/shop");
}

fn serves(rig: &Rig) {
    let health = ask(rig, "/health");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
    let http_2 = tls(rig, "-alpn h2 </dev/null");
    assert!(http_2.contains("ALPN protocol: h2"), "{http_2}");
    let old = tls(rig, "-no_tls1_3 -no_tls1_2 </dev/null");
    assert!(
        !old.contains("Cipher is TLS") && !old.contains("BEGIN CERT"),
        "{old}"
    );
    let status = rig.say("/opt/flipless/bin/flipless status");
    let line = "shop.example.com on port 443: your own certificate, /etc/shop/certificate.pem";
    assert!(status.contains(line), "{status}");
}

fn ask(rig: &Rig, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\\r\\nHost: shop.example.com\\r\\n\\r\\n");
    rig.say(&format!(
        "printf '{request}' | openssl s_client -quiet -connect 127.0.0.1:443 2>/dev/null"
    ))
}

fn tls(rig: &Rig, options: &str) -> String {
    rig.say(&format!(
        "openssl s_client -connect 127.0.0.1:443 -servername shop.example.com {options} 2>&1"
    ))
}

/// Returns the serial number of the certificate that nginx sends.
fn serial(rig: &Rig) -> String {
    tls(rig, "</dev/null | openssl x509 -noout -serial")
}

fn journal(rig: &Rig) -> String {
    rig.say("journalctl --no-pager -u flipless-own-certificate -n 20")
}
