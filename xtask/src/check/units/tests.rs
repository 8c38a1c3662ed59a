#![allow(clippy::unwrap_used)]

use super::*;
use crate::bundle::{Content, Entry};

const SOCKET: &str = "[Socket]\nListenStream=127.0.0.1:5000\nService=flipless-gate.service\n\
                      TriggerLimitIntervalSec=0\n";
const SERVICE: &str = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nSockets=flipless-app.socket\n\
                       NonBlocking=true\nExecStart=/bin/true\n";
const GATE: &str = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nNonBlocking=true\nType=oneshot\n\
                    ExecStart=/bin/true\n";
const STAND_IN: &str = "[Service]\nPIDFile=\nExecStartPre=\nExecStart=\nExecStartPost=\nExecReload=\n\
                        ExecStop=\nExecStopPost=\nExecStart=/bin/true\nType=notify\n\
                        NotifyAccess=main\n";

const GOOD: [(&str, &str); 4] = [
    ("systemd/flipless-app.socket", SOCKET),
    ("systemd/flipless-app@.service", SERVICE),
    ("systemd/flipless-gate.service", GATE),
    ("systemd/nginx.service.d/zz-flipless.conf", STAND_IN),
];

fn bundle(files: &[(&str, &str)]) -> Bundle {
    let entry = |(name, text): &(&str, &str)| Entry {
        name: (*name).into(),
        content: Content::Text((*text).into()),
        ..Entry::default()
    };
    Bundle {
        entries: files.iter().map(entry).collect(),
        ..Bundle::default()
    }
}

fn failed(files: &[(&str, &str)]) -> Vec<(&'static str, String)> {
    let bundle = bundle(files);
    let checks = by_rules(&bundle, &read(&bundle)).into_iter();
    checks
        .filter(Check::failed)
        .map(|check| (check.name, check.detail))
        .collect()
}

#[test]
fn units_that_keep_the_rules_are_fine() {
    assert_eq!(failed(&GOOD), []);
}

#[test]
fn a_run_may_name_the_mounts_that_are_its_own() {
    let mounts = "[Service]\nTemporaryFileSystem=/var/app:ro\nWorkingDirectory=/var/app/current\n\
                  BindReadOnlyPaths=/opt/flipless/runs/%i/app:/var/app/current\nBindPaths=-/var/app/data\n\
                  Environment=\"CONFIG=/var/app/current/a.toml\"\n";
    let service = SERVICE.replace("[Service]\n", mounts);
    let service = service.replace("/bin/true", "/bin/true /var/app/current/shop");
    let mut files = GOOD;
    files[1].1 = &service;
    assert_eq!(failed(&files), []);
}

/// Each replacement in one of the good files breaks exactly one rule.
#[test]
fn each_rule_is_broken_alone() {
    for (file, from, to, rule, detail) in [
        (
            1,
            "NonBlocking=true",
            "",
            "shared sockets",
            "app@.service lacks NonBlocking",
        ),
        (
            1,
            "NonBlocking=true",
            "NonBlocking=true\nNonBlocking=no",
            "shared sockets",
            "lacks",
        ),
        (
            1,
            "NonBlocking=true",
            "#NonBlocking=true",
            "shared sockets",
            "lacks",
        ),
        (
            1,
            "NonBlocking=true",
            "[X]\nNonBlocking=true",
            "shared sockets",
            "lacks",
        ),
        (
            2,
            "NonBlocking=true",
            "",
            "shared sockets",
            "flipless-gate.service lacks",
        ),
        (
            1,
            "[Unit]",
            "[Unit]\nPartOf=eb-app.target",
            "not EB's",
            "PartOf=eb-app.target",
        ),
        (
            3,
            "[Service]",
            "[Unit]\nPartOf=aws-eb.target\n[Service]",
            "not EB's",
            "nginx.service has",
        ),
        (
            1,
            "[Unit]",
            "[Unit]\nAfter=a.target nginx.service",
            "not EB's",
            "After=",
        ),
        (
            1,
            "/bin/true",
            "/bin/a \\\n/var/app/current/x",
            "paths",
            "/var/app",
        ),
        (
            1,
            "/bin/true",
            "/bin/true\nWorkingDirectory=/var/app/current",
            "paths",
            "WorkingDirectory=/var/app/current",
        ),
        (
            1,
            "/bin/true",
            "+/var/app/current/x\nTemporaryFileSystem=/var/app:ro",
            "paths",
            "ExecStart=+/var/app/current/x",
        ),
        (
            1,
            "/bin/true",
            "/bin/true\nTemporaryFileSystem=/var/app:ro\nBindPaths=/var/app/current/up:/srv",
            "paths",
            "BindPaths=/var/app/current/up",
        ),
        (
            1,
            "LimitIntervalSec=0",
            "LimitIntervalSec=10",
            "limits",
            "lacks StartLimit",
        ),
        (
            0,
            "LimitIntervalSec=0",
            "LimitBurst=1",
            "limits",
            "lacks TriggerLimit",
        ),
        (
            2,
            "Type=oneshot",
            "Type=oneshot\nRemainAfterExit=yes",
            "gate",
            "RemainAfterExit",
        ),
        (
            0,
            "127.0.0.1:5000",
            "5000",
            "addresses",
            "ListenStream=5000",
        ),
        (
            1,
            "flipless-app.socket",
            "flipless-ap.socket",
            "references",
            "flipless-ap.socket",
        ),
        (3, "ExecStop=\n", "", "stand-in", "does not reset ExecStop="),
        (3, "PIDFile=\n", "", "stand-in", "does not reset PIDFile="),
        (
            3,
            "Type=notify",
            "Type=simple",
            "stand-in",
            "lacks Type=notify",
        ),
        (
            3,
            "Type=notify",
            "Type=notify\nTasksMax=4",
            "control groups",
            "nginx.service sets TasksMax=",
        ),
        (
            3,
            "Type=notify",
            "Type=notify\nIPAddressDeny=any",
            "control groups",
            "nginx.service sets IPAddressDeny=",
        ),
    ] {
        let found = broken(file, from, to);
        assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
        assert_eq!(found[0].0, format!("units: {rule}"));
        assert!(found[0].1.contains(detail), "{found:?}");
    }
}

#[test]
fn a_drop_in_can_break_a_rule_too() {
    let drop_in = (
        "systemd/flipless-app@.service.d/a.conf",
        "[Service]\nNonBlocking=no\n",
    );
    let found = failed(&[&GOOD[..], &[drop_in]].concat());
    assert_eq!(found[0].0, "units: shared sockets");
}

/// Returns the checks that fail after the replacement, each with its detail.
fn broken(file: usize, from: &str, to: &str) -> Vec<(&'static str, String)> {
    let mut files = GOOD;
    let text = GOOD[file].1.replacen(from, to, 1);
    assert_ne!(text, GOOD[file].1, "{from}");
    files[file].1 = &text;
    failed(&files)
}

#[track_caller]
fn assert_broken(file: usize, from: &str, to: &str, rule: &'static str, detail: &str) {
    assert_eq!(broken(file, from, to), [(rule, detail.into())]);
}

#[test]
fn no_unit_may_depend_on_a_stand_in_in_any_way() {
    for key in ["After", "Before", "Requires", "BindsTo"] {
        for stand_in in ["nginx.service", "web.service"] {
            let setting = format!("{key}={stand_in}");
            let said = format!("flipless-app@.service has {setting}");
            let unit = format!("[Unit]\n{setting}");
            assert_broken(1, "[Unit]", &unit, "units: not EB's", &said);
        }
    }
}

#[test]
fn every_unit_of_flipless_that_is_named_must_exist() {
    for key in ["Service", "Sockets", "Unit", "Requires", "BindsTo"] {
        let setting = format!("{key}=flipless-x.service");
        let said = format!("flipless-app@.service has {setting}, which does not exist");
        let unit = format!("[Install]\n{setting}");
        assert_broken(
            1,
            "[Unit]",
            &format!("{unit}\n[Unit]"),
            "units: references",
            &said,
        );
    }
}

#[test]
fn every_line_that_names_the_real_nginx_is_reset() {
    for key in [
        "PIDFile",
        "ExecStartPre",
        "ExecStartPost",
        "ExecReload",
        "ExecStop",
        "ExecStopPost",
    ] {
        let said = format!("nginx.service does not reset {key}=");
        let line = format!("{key}=\n");
        assert_broken(3, &line, "", "units: stand-in", &said);
        let kept = format!("{key}=/bin/x\n{key}=\n");
        assert_broken(3, &line, &kept, "units: stand-in", &said);
    }
    let said = "nginx.service does not reset ExecStart=";
    assert_broken(3, "ExecStart=\n", "", "units: stand-in", said);
    let said = "nginx.service lacks NotifyAccess=main";
    assert_broken(
        3,
        "NotifyAccess=main",
        "NotifyAccess=all",
        "units: stand-in",
        said,
    );
}

/// Tests the settings of systemd.resource-control(5) that limit a unit. systemd 252 has all of them.
#[test]
fn every_limit_of_a_control_group_is_found() {
    let settings = "AllowedCPUs CPUQuota CPUWeight IOReadBandwidthMax IOReadIOPSMax IOWeight \
                    IOWriteBandwidthMax IOWriteIOPSMax IPAddressAllow IPAddressDeny MemoryHigh \
                    MemoryMax MemorySwapMax RestrictNetworkInterfaces SocketBindAllow \
                    SocketBindDeny TasksMax";
    for key in settings.split_whitespace() {
        let said = format!("nginx.service sets {key}=");
        let service = format!("[Service]\n{key}=1");
        assert_broken(3, "[Service]", &service, "units: control groups", &said);
    }
    let web = ("systemd/web.service.d/a.conf", "[Service]\nTasksMax=1\n");
    let found = failed(&[&GOOD[..], &[web]].concat());
    assert_eq!(
        found,
        [("units: control groups", "web.service sets TasksMax=".into())]
    );
}

#[test]
fn each_needed_unit_must_exist() {
    for (index, (file, _)) in GOOD[..3].iter().enumerate() {
        let mut files = GOOD.to_vec();
        files.remove(index);
        let found = failed(&files);
        assert_eq!(found[0], ("units", format!("{file} is missing")));
    }
}
