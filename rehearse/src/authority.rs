//! The certificate authority of a rehearsal of HTTPS: Debian's pebble, inside the machine.

use std::io;

use flipless_settings::Https;

use crate::machine::{Command, Instance};

/// The address of the authority's directory, in the machine.
pub const DIRECTORY: &str = "https://authority.test:14000/dir";
/// The root that signs the directory's own TLS certificate, in the machine.
pub const ROOT: &str = "/etc/authority/root.pem";

/// Makes the domains resolve to the instance itself, and starts the authority. If the settings name the owner's own
/// certificate, makes a self-signed certificate instead, unless the file exists. Returns whether all of this succeeded:
/// `false` if the image has no pebble or no openssl.
///
/// # Errors
/// If the instance can't run commands.
pub fn start(instance: &impl Instance, https: &Https) -> io::Result<bool> {
    let names = https.domains.join(" ");
    let hosts = format!("echo 127.0.0.1 authority.test {names} >>/etc/hosts");
    let certificate = match (&https.certificate, &https.key) {
        (Some(certificate), Some(key)) => own(certificate, key, &https.domains),
        _ => format!("[ -x /usr/bin/pebble ] && [ -e {ROOT} ] && {START}"),
    };
    let line = format!("{hosts} && {certificate}");
    Ok(instance.run(&Command::shell(&line))?.succeeded())
}

/// Enables the authority, so that it also starts at later boots, and waits until it answers.
const START: &str = "systemctl enable --now model-authority.service && \
    for i in $(seq 100); do \
    openssl s_client -connect 127.0.0.1:14001 </dev/null >/dev/null 2>&1 && exit 0; sleep 0.1; done; exit 1";

fn own(certificate: &str, key: &str, domains: &[String]) -> String {
    let names: Vec<_> = domains.iter().map(|name| format!("DNS:{name}")).collect();
    format!(
        "{{ [ -e '{certificate}' ] || {{ mkdir -p \"$(dirname '{certificate}')\" \"$(dirname '{key}')\" && \
         openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=rehearsal \
         -addext subjectAltName={} -out '{certificate}' -keyout '{key}'; }}; }}",
        names.join(",")
    )
}
