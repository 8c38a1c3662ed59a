//! The pieces of nginx's configuration for `[https]`. The agent writes them on the instance, because their syntax
//! depends on nginx's version, and because they repeat directives of the server on the public port.

use std::fmt::Write;

use super::Version;
use crate::{Settings, layout};

/// The file with the server of HTTPS, below `/etc/nginx`.
pub const SERVER: &str = "conf.d/zz-flipless-https.conf";
/// The file for every server that includes EB's folder, below `/etc/nginx`.
pub const LOCATIONS: &str = "conf.d/elasticbeanstalk/zz-flipless-https.conf";
/// The line that includes EB's folder in a server.
pub const INCLUDE: &str = "conf.d/elasticbeanstalk/*.conf";
/// The path below which the authority asks for its tokens (RFC 8555, 8.3).
pub const CHALLENGES: &str = "/.well-known/acme-challenge/";
/// The line, in EB's location, that tells the application whether its client speaks HTTPS. On the public port the value
/// is the client's own header, as without `[https]`. If the client has sent no such header, the value is empty, and
/// nginx sends no header.
pub const FORWARDED: &str = "proxy_set_header    X-Forwarded-Proto   $flipless_forwarded_proto;";
/// The content of a file that this version does not need. In the flip this text replaces the file of an earlier
/// version, because EB deletes no file in `/etc/nginx`.
pub const NONE: &str = "# This version needs no directives of flipless here.\n";

/// The first version with the directive `http2` (nginx's CHANGES, 1.25.1). From this version on, nginx warns about the
/// option `http2` of `listen`.
const HTTP2_SINCE: Version = (1, 25, 1);
/// How many connections may wait to be accepted, as on the public port. nginx's own default is 511.
const BACKLOG: u16 = 4096;
/// TLS 1.2 and 1.3, as in version 6.0 of Mozilla's intermediate configuration (https://ssl-config.mozilla.org/), but
/// without two of its directives. With `ssl_ecdh_curve` nginx would not start, because OpenSSL before 3.5 does not have
/// X25519MLKEM768. `ssl_stapling` has no use since Let's Encrypt ended OCSP in 2025.
const TLS: &str = "    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
    ssl_prefer_server_ciphers off;
    ssl_session_timeout 1d;
    # With a shared cache, nginx also shares and renews the keys of session tickets (since 1.23.2).
    ssl_session_cache shared:flipless_https:10m;
";

/// The parts of the server on the public port that the server of HTTPS repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Common {
    /// Whether the server on the public port also listens on `[::]`.
    pub ipv6: bool,
    /// Its simple directives, each as a line.
    pub lines: Vec<String>,
}

/// Returns the server of HTTPS.
pub fn server(settings: &Settings, version: Version, common: &Common) -> String {
    let certificate = layout::CERTIFICATE;
    let mut text = header("HTTPS, with the locations of the public port");
    text += "server {\n";
    text += &listens(settings.https.port, version, common.ipv6);
    let _ = writeln!(text, "    ssl_certificate {certificate};");
    let _ = writeln!(text, "    ssl_certificate_key {certificate};");
    text += TLS;
    for line in &common.lines {
        let _ = writeln!(text, "    {line}");
    }
    let seconds = settings.https.strict_transport_security_seconds;
    if seconds > 0 {
        let _ = writeln!(
            text,
            "    add_header Strict-Transport-Security \"max-age={seconds}\" always;"
        );
    }
    let _ = writeln!(text, "    include {INCLUDE};\n}}");
    text
}

/// Returns the piece that two servers include: the server on the public port, and the server of HTTPS.
///
/// The piece sets its variable itself. A `map` would have to be in a file of `conf.d/`, and the two files may be of two
/// versions. A configuration may include EB's folder by a relative path and `conf.d/` by an absolute path. EB then
/// tests the folder of the new version with the `conf.d/` of the old version.
pub fn locations(settings: &Settings) -> String {
    let https = &settings.https;
    let mut text = header("the answers to the authority, and the redirect to HTTPS");
    text += "set $flipless_forwarded_proto $http_x_forwarded_proto;\n";
    text += "if ($scheme = https) {\n    set $flipless_forwarded_proto https;\n}\n";
    if https.certificate.is_none() {
        // With `^~`, no location with a regular expression takes the request. The other lines let the authority in,
        // even if the user's configuration asks for a password or has a list of addresses.
        let _ = writeln!(
            text,
            "location ^~ {CHALLENGES} {{\n    alias {}/;\n    auth_basic off;\n    allow all;\n    default_type \
             text/plain;\n}}",
            layout::CHALLENGES
        );
    }
    if https.redirect {
        text += &redirect(https.port, &settings.server.health_path);
    }
    text
}

/// Returns the lines that redirect requests to HTTPS, except requests for the health path and those of the authority. A
/// request that came over HTTPS to a balancer or a CDN is not redirected, because nginx would redirect it again and
/// again.
///
/// After an internal redirect, nginx executes these lines again. So they use `$request_uri`, which still is the path
/// that the client has sent. 308 keeps the method and the body of a request (RFC 9110, 15.4.9).
fn redirect(port: u16, health_path: &str) -> String {
    let challenges = escaped(CHALLENGES);
    let health = escaped(health_path.split('?').next().unwrap_or_default());
    let port = match port {
        443 => String::new(),
        other => format!(":{other}"),
    };
    format!(
        "set $flipless_request \"$scheme:$http_x_forwarded_proto:$request_uri\";\n\
         if ($flipless_request ~ \"^http:(?:https:|[^:]*:(?:{challenges}|{health}(?:[?]|$)))\") {{\n    \
         set $flipless_request \"\";\n}}\n\
         if ($flipless_request ~ \"^http:\") {{\n    \
         return 308 https://$host{port}$request_uri;\n}}\n"
    )
}

fn header(what: &str) -> String {
    format!("# The agent of flipless has written this file: {what} ([https] in flipless.toml).\n")
}

/// Escapes a text for a regular expression in quotes. Uses brackets, because nginx itself interprets backslashes. Only
/// `^` gets a backslash, because it would negate the set in the brackets.
fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::new(), |text, character| match character {
            '^' => text + "\\^",
            _ if character.is_ascii_alphanumeric() || "/-_".contains(character) => {
                text + character.encode_utf8(&mut [0; 4])
            }
            _ => format!("{text}[{character}]"),
        })
}

fn listens(port: u16, version: Version, ipv6: bool) -> String {
    let (option, directive) = match version >= HTTP2_SINCE {
        true => ("", "    http2 on;\n"),
        false => (" http2", ""),
    };
    let mut text = String::new();
    let hosts: &[&str] = if ipv6 { &["", "[::]:"] } else { &[""] };
    for host in hosts {
        let _ = writeln!(
            text,
            "    listen {host}{port} ssl{option} default_server backlog={BACKLOG};"
        );
    }
    text + directive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(change: impl FnOnce(&mut Settings)) -> Settings {
        let mut settings = Settings::default();
        settings.https.domains = vec!["shop.example.com".into()];
        change(&mut settings);
        settings
    }

    fn server_of(version: Version, change: impl FnOnce(&mut Settings)) -> String {
        server(&settings(change), version, &Common::default())
    }

    #[test]
    fn http_2_has_the_syntax_of_the_version() {
        let old = server_of((1, 25, 0), |_| {});
        assert!(
            old.contains("\n    listen 443 ssl http2 default_server backlog=4096;\n"),
            "{old}"
        );
        assert!(!old.contains("http2 on"), "{old}");
        let new = server_of((1, 25, 1), |_| {});
        let lines = "\n    listen 443 ssl default_server backlog=4096;\n    http2 on;\n";
        assert!(new.contains(lines), "{new}");
    }

    #[test]
    fn the_server_has_what_the_server_on_the_public_port_has() {
        let common = Common {
            ipv6: true,
            lines: vec!["gzip off;".into()],
        };
        let text = server(&settings(|_| {}), (1, 28, 0), &common);
        assert!(text.contains("\n    listen [::]:443 ssl default_server backlog=4096;\n"));
        assert!(text.contains("\n    gzip off;\n"), "{text}");
        assert!(text.ends_with("\n    include conf.d/elasticbeanstalk/*.conf;\n}\n"));
    }

    #[test]
    fn the_redirect_spares_the_challenge_and_the_health_path() {
        let text = locations(&settings(|all| {
            all.server.health_path = "/up.json?a=1".into();
        }));
        let spared = "(?:/[.]well-known/acme-challenge/|/up[.]json(?:[?]|$))";
        assert!(text.contains(spared), "{text}");
        assert!(text.contains("return 308 https://$host$request_uri;"));
        let without = locations(&settings(|all| all.https.redirect = false));
        assert!(!without.contains("308") && without.contains(CHALLENGES));
        let other_port = locations(&settings(|all| all.https.port = 8443));
        assert!(other_port.contains("return 308 https://$host:8443$request_uri;"));
    }

    #[test]
    fn the_header_of_strict_transport_is_a_setting() {
        assert!(!server_of((1, 28, 0), |_| {}).contains("Strict"));
        let text = server_of((1, 28, 0), |all| {
            all.https.strict_transport_security_seconds = 300;
        });
        let line = "add_header Strict-Transport-Security \"max-age=300\" always;";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn without_an_authority_there_is_no_challenge() {
        let own = settings(|all| all.https.certificate = Some("/a.pem".into()));
        assert!(!locations(&own).contains(CHALLENGES) && locations(&own).contains("308"));
    }
}
