//! The files of `[https]`: the rule of the security group, and the units for the certificate.

use std::path::Path;

use flipless_settings::{Config, layout};

use super::real_with;
use super::units::systemd_analyze;

const RULE: &str = ".ebextensions/flipless-https.config";
const DOMAINS: &str = "domains = [\"shop.example.com\"]";

fn files(lines: &str) -> super::Files {
    let text = format!("[https]\n{DOMAINS}\n{lines}\n");
    real_with(&Config::parse(&text, Path::new("flipless.toml")).unwrap())
}

/// The files that the settings add to a bundle without `[https]`.
fn added(lines: &str) -> Vec<String> {
    let without = real_with(&Config::default());
    let names = files(lines).into_keys();
    names.filter(|name| !without.contains_key(name)).collect()
}

const OWN: &str = "certificate = \"/etc/a.pem\"\nkey = \"/etc/b.pem\"";

#[test]
fn https_adds_the_units_of_its_kind_of_certificate() {
    let renewal = [
        "systemd/flipless-certificates.service",
        "systemd/flipless-certificates.timer",
    ];
    assert_eq!(added(""), [&[RULE], &renewal[..]].concat());
    assert_eq!(added("security-group = false"), renewal);
    let own = [
        "systemd/flipless-own-certificate.path",
        "systemd/flipless-own-certificate.service",
        "systemd/flipless-own-certificate.timer",
    ];
    assert_eq!(added(OWN), [&[RULE], &own[..]].concat());
}

/// AWS's example of HTTPS on a single instance has a rule of this name. So users' own files may contain a rule of the
/// same name.
#[test]
fn the_rule_has_the_name_of_awss_own_example() {
    let rule = &files("port = 8443")[RULE];
    for line in [
        "\nResources:\n  sslSecurityGroupIngress:\n    Type: AWS::EC2::SecurityGroupIngress\n",
        "GroupId: {\"Fn::GetAtt\": [\"AWSEBSecurityGroup\", \"GroupId\"]}\n",
        "      FromPort: 8443\n      ToPort: 8443\n",
    ] {
        assert!(rule.contains(line), "{rule}");
    }
}

#[test]
fn a_binding_reaches_the_program_as_a_credential() {
    let line = "\nLoadCredential=account-hmac:/var/lib/flipless/account-hmac\n";
    let unit = |lines: &str| files(lines)[&format!("systemd/{}", layout::RENEWAL)].clone();
    assert!(!unit("").contains(line));
    let binding = "account-key-id = \"k\"\naccount-hmac-property = \"H\"";
    assert!(unit(binding).contains(line));
}

#[test]
fn a_change_of_either_own_file_starts_the_installation() {
    let unit = &files(OWN)[&format!("systemd/{}", layout::OWN_CERTIFICATE_PATH)];
    for line in ["PathChanged=/etc/a.pem", "PathChanged=/etc/b.pem"] {
        assert!(unit.contains(&format!("\n{line}\n")), "{unit}");
    }
}

/// systemd loses a change while the service runs (https://github.com/systemd/systemd/issues/5770).
#[test]
fn a_timer_looks_for_changes_that_systemd_has_missed() {
    let timer = &files(OWN)["systemd/flipless-own-certificate.timer"];
    assert!(timer.contains("\nOnUnitInactiveSec=1min\n"), "{timer}");
    let service = &files(OWN)[&format!("systemd/{}", layout::OWN_CERTIFICATE)];
    assert!(service.contains("\nLogLevelMax=notice\n"), "{service}");
}

/// The highest allowed exposure of the program for certificates, in tenths. `check` has a limit, too.
const LIMIT: u32 = 15;

#[test]
fn systemd_takes_the_units_and_their_sandboxes_score_as_they_should() {
    for lines in ["", OWN] {
        let folder = tempfile::tempdir().unwrap();
        let names = added(lines).into_iter();
        let units: Vec<String> = names
            .filter_map(|name| Some(name.strip_prefix("systemd/")?.to_owned()))
            .collect();
        for unit in &units {
            let text = &files(lines)[&format!("systemd/{unit}")];
            let text = text.replace(layout::CERTIFICATES, "/bin/true");
            let text = text.replace(layout::AGENT, "/bin/true");
            std::fs::write(folder.path().join(unit), text).unwrap();
        }
        for unit in &units {
            let path = folder.path().join(unit);
            let path = path.to_str().unwrap();
            let (fine, said) = systemd_analyze(&["verify", "--man=no", path]);
            let ours = said.contains(folder.path().to_str().unwrap());
            assert!(fine && !ours, "{unit}: {said}");
            if unit == layout::RENEWAL {
                let threshold = format!("--threshold={LIMIT}");
                let arguments = ["security", "--offline=true", &threshold, path];
                let (fine, said) = systemd_analyze(&arguments);
                assert!(fine, "{}", said.lines().last().unwrap_or_default());
            }
        }
    }
}
