//! The certificate authority on the instance, and its faults.

use rehearse::machine::Instance;

use crate::rig::Rig;

const PEBBLE: &str = "model-authority.service";
const DOOR: &str = "model-authority-door.service";
const FAULT: &str = "/etc/authority/faults/fault.conf";

/// A fault of the authority. The authority is pebble, Let's Encrypt's authority for tests, behind an nginx. [`suffer`]
/// configures this nginx, with the paths in pebble's `wfe.go`.
pub enum Fault {
    /// It refuses connections.
    Gone,
    /// It answers with an error to every order.
    Orders {
        status: u16,
        kind: &'static str,
        detail: &'static str,
    },
    /// It issues a certificate that can't be parsed.
    Chain,
    /// It accepts connections, and never answers.
    Hangs,
    /// It has lost all accounts. pebble loses them in each restart.
    Forgets,
}

/// Begins a fault. [`heal`] ends the fault.
pub fn suffer(rig: &Rig, fault: &Fault) {
    match fault {
        Fault::Gone => rig.must(&format!("systemctl stop {DOOR}")),
        Fault::Orders {
            status,
            kind,
            detail,
        } => {
            let problem = format!(
                r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":"{detail}","status":{status}}}"#
            );
            answer(
                rig,
                "= /order-plz",
                &format!(
                    "default_type application/problem+json; add_header Retry-After 86400 always; \
                     return {status} '{problem}';"
                ),
            );
        }
        Fault::Chain => answer(
            rig,
            "/certZ/",
            "default_type application/pem-certificate-chain; \
             return 200 '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n';",
        ),
        Fault::Hangs => rig.must(&format!("systemctl kill --signal=STOP {PEBBLE}")),
        Fault::Forgets => {
            rig.must(&format!("systemctl restart {PEBBLE}"));
            wait_for_pebble(rig);
        }
    }
}

fn answer(rig: &Rig, location: &str, text: &str) {
    let path = rig.engine.instance().root().join(&FAULT[1..]);
    std::fs::write(path, format!("location {location} {{ {text} }}\n")).unwrap();
    rig.must(&format!("systemctl reload {DOOR}"));
}

pub fn heal(rig: &Rig) {
    rig.must(&format!(
        "systemctl kill --signal=CONT {PEBBLE}; rm -f {FAULT}; systemctl restart {DOOR}"
    ));
    wait_for_pebble(rig);
}

/// Returns the number of orders that reached the authority's listener.
pub fn orders(rig: &Rig) -> usize {
    let asked = rig.say("cat /run/authority.log 2>/dev/null");
    asked
        .lines()
        .filter(|line| line.starts_with("POST /order-plz"))
        .count()
}

fn wait_for_pebble(rig: &Rig) {
    rig.must(
        "for i in $(seq 100); do \
         openssl s_client -connect 127.0.0.1:14001 </dev/null >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1",
    );
}
