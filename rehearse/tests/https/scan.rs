//! Debian's sslscan (<https://github.com/rbsec/sslscan>) finds nothing weak at a port.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use rehearse::machine::wait_for;
use roxmltree::Node;

use crate::rig::PATIENCE;
use crate::shop::{self, DOMAINS, Shop};

/// Like the load's clients, sslscan runs outside of the machine, but in the machine's network namespace.
pub fn finds_nothing_weak(shop: &Shop) {
    let leader = shop.rig.leader().to_string();
    let report = scan(&["nsenter", "--net", "--target", &leader], shop::https());
    println!(
        "sslscan: {} accepted ciphers",
        report.matches("<cipher ").count()
    );
    assert_eq!(faults(&report), [""; 0], "{report}");
}

fn scan(within: &[&str], address: SocketAddr) -> String {
    let words = [within, &["sslscan"]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command.args([&format!("--sni-name={}", DOMAINS[0]), "--xml=-"]);
    let output = command.arg(address.to_string()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the weak points in a report.
fn faults(report: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(report).unwrap();
    let mut faults = Vec::new();
    let mut of = |name: &str, most: usize, is_weak: fn(Node) -> bool| {
        let all = || {
            document
                .descendants()
                .filter(|node| node.has_tag_name(name))
        };
        let weak = all().filter(|node| is_weak(*node));
        faults.extend(weak.map(|node| report[node.range()].to_owned()));
        // If the server did not answer, the report has fewer elements.
        faults.extend((all().count() < most).then(|| format!("fewer than {most} of {name}")));
    };
    of("protocol", 6, |node| {
        let modern = ["1.2", "1.3"].contains(&value(node, "version"));
        (value(node, "enabled") == "1") != modern
    });
    of("renegotiation", 1, |node| {
        value(node, "supported") == "1" && value(node, "secure") != "1"
    });
    of("heartbleed", 2, |node| value(node, "vulnerable") != "0");
    // sslscan calls a cipher of TLS 1.2 strong if it has forward secrecy and AEAD.
    of("cipher", 4, |node| match value(node, "sslversion") {
        "TLSv1.3" => !["strong", "acceptable"].contains(&value(node, "strength")),
        _ => value(node, "strength") != "strong",
    });
    // Debian's sslscan can't offer compression, and then its report does not have this line.
    of("compression", 0, |node| value(node, "supported") != "0");
    faults
}

fn value<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

/// A process of `openssl s_server`. Dropping the value kills the process.
struct Weak(Child);

impl Drop for Weak {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Shows that [`faults`] finds weak points.
#[test]
fn sslscan_names_an_old_protocol_and_weak_ciphers() {
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(folder.path());
        // The server ends at the end of its input. It does not read Debian's configuration, which forbids weak
        // protocols and ciphers.
        command
            .stdin(Stdio::piped())
            .env("OPENSSL_CONF", "/dev/null");
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let made = run(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=weak -keyout key.pem -out certificate.pem",
    );
    assert!(made.wait_with_output().unwrap().status.success());
    let _server = Weak(run(
        "exec openssl s_server -accept 127.0.0.1:0 -cert certificate.pem -key key.pem -cipher ALL:@SECLEVEL=0 >log",
    ));
    let address = wait_for(PATIENCE, || {
        let log = std::fs::read_to_string(folder.path().join("log")).ok()?;
        let mut lines = log.lines();
        lines.find_map(|line| line.strip_prefix("ACCEPT ")?.parse().ok())
    });
    let report = scan(&[], address.unwrap());
    let faults = faults(&report).join("\n");
    for weak in [
        r#"<protocol type="tls" version="1.0" enabled="1" />"#,
        r#"cipher="AES128-SHA""#,
        r#"cipher="ADH-AES256-SHA""#,
    ] {
        assert!(faults.contains(weak), "{weak}: {faults}");
    }
    assert!(!faults.contains("TLSv1.3"), "{faults}");
}
