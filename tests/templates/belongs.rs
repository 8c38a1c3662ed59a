//! Each setting belongs to the release, to the instance, to both, or only to the build.
//!
//! `crates/settings/src/settings.rs` explains these four cases.

use std::collections::BTreeSet;
use std::path::Path;

use flipless_settings::{Config, layout};

use super::{MODES, ROOT, real_with};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Owner {
    Release,
    Instance,
    Both,
    Build,
}
use Owner::{Both, Build, Instance, Release};

/// One key of `flipless.toml`.
struct Setting {
    key: &'static str,
    /// A value other than the default.
    value: &'static str,
    owner: Owner,
    /// The files that change with the key in nginx mode, besides the unit of the run.
    files: &'static [&'static str],
}

/// The unit of the run: it belongs to its release.
const RUN: &str = "systemd/flipless-app@.service";
const LISTENER: &str = "systemd/flipless-app.socket";
const PUBLIC_PORT: &str = "systemd/flipless-front.socket";
const FRONT: &str = "systemd/flipless-front.service";
const LISTENERS: &str = "systemd/flipless-listeners.service";
const LOOK: &str = "systemd/flipless-listeners.timer";
const GATE: &str = "systemd/flipless-gate.service";
const TIMER: &str = "systemd/flipless-deadman.timer";
const DEADMAN: &str = "systemd/flipless-deadman.service";
const IDENTITY: &str = "systemd/flipless-identity.service";
const RECOVER: &str = "systemd/flipless-recover.service";
const WEB: &str = "systemd/web.service.d/zz-flipless.conf";
const NGINX: &str = "systemd/nginx.service.d/zz-flipless.conf";
const UPSTREAM: &str = "nginx/zz-flipless-upstream.conf";
const KEEPALIVE: &str = "nginx/zz-flipless-keepalive.conf";
const DECOY: &str = ".platform/nginx/nginx.conf";
const PROCFILE: &str = "Procfile";
const FILE: &str = layout::SETTINGS_FILE;
const OPEN_PORT: &str = ".ebextensions/flipless-https.config";
const RENEWAL: &str = "systemd/flipless-certificates.service";
const RENEWAL_TIMER: &str = "systemd/flipless-certificates.timer";
const OWN: &str = "systemd/flipless-own-certificate.service";
const OWN_PATH: &str = "systemd/flipless-own-certificate.path";
const OWN_TIMER: &str = "systemd/flipless-own-certificate.timer";

#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    setting("app.name", "\"shop\"", Both, &[LISTENER, PUBLIC_PORT, FRONT, LISTENERS, LOOK, GATE, TIMER, DEADMAN, IDENTITY, RECOVER, FILE]),
    setting("server.manifest", "\"../shop/Cargo.toml\"", Build, &[]),
    setting("server.package", "\"shop\"", Build, &[]),
    setting("server.bin", "\"shop\"", Release, &[FILE]),
    setting("server.command", "\"./shop\"", Release, &[FILE]),
    setting("server.handover", "\"port\"", Release, &[FILE]),
    setting("server.args", "[\"-v\"]", Release, &[FILE]),
    // Without `handover = "port"` this key is an error.
    setting("server.port-variables", "[\"HTTP_PORT\"]\nhandover = \"port\"", Release, &[FILE]),
    setting("server.port", "5001", Both, &[LISTENER, UPSTREAM, FILE]),
    setting("server.health-path", "\"/up\"", Release, &[FILE]),
    setting("server.health-statuses", "\"200-499\"", Release, &[]),
    setting("server.resolves-names", "false", Build, &[FILE]),
    setting("server.start-seconds", "7", Both, &[RECOVER, WEB]),
    setting("server.drain-seconds", "7", Both, &[RECOVER, WEB]),
    setting("server.watchdog-seconds", "7", Release, &[]),
    setting("server.memory-limit-mib", "100", Release, &[]),
    setting("server.open-files", "1000", Release, &[]),
    setting("server.writable-paths", "[\"/srv\"]", Release, &[FILE]),
    setting("server.own-user", "false", Release, &[FILE]),
    setting("server.jit", "true", Release, &[]),
    setting("front.mode", "\"direct\"", Both, &[
        LISTENER, PUBLIC_PORT, FRONT, LISTENERS, LOOK, NGINX, RECOVER, WEB, UPSTREAM, KEEPALIVE, DECOY, FILE,
    ]),
    setting("front.port", "8080", Instance, &[PUBLIC_PORT, FILE]),
    setting("front.backlog", "7", Instance, &[LISTENER, PUBLIC_PORT]),
    setting("front.open-files", "1000", Instance, &[FRONT]),
    setting("front.retry", "false", Instance, &[UPSTREAM]),
    setting("https.domains", "[\"shop.example.com\"]", Instance, &[OPEN_PORT, RENEWAL, RENEWAL_TIMER, FILE]),
    // Without `domains`, some of these keys are errors, and others have no effect. Two pairs of keys have to be set
    // together.
    setting("https.email", "\"you@example.com\"\ndomains = [\"shop.example.com\"]", Instance, &[OPEN_PORT, RENEWAL, RENEWAL_TIMER, FILE]),
    setting("https.port", "8443\ndomains = [\"shop.example.com\"]", Instance, &[OPEN_PORT, RENEWAL, RENEWAL_TIMER, FILE]),
    setting("https.redirect", "false", Instance, &[FILE]),
    setting("https.strict-transport-security-seconds", "7", Instance, &[FILE]),
    setting("https.security-group", "false\ndomains = [\"shop.example.com\"]", Instance, &[RENEWAL, RENEWAL_TIMER, FILE]),
    setting("https.directory", "\"https://ca.example/\"", Instance, &[FILE]),
    setting("https.profile", "\"shortlived\"", Instance, &[FILE]),
    setting("https.account-key-id", "\"k\"\naccount-hmac-property = \"H\"\ndomains = [\"shop.example.com\"]", Instance, &[OPEN_PORT, RENEWAL, RENEWAL_TIMER, FILE]),
    setting("https.account-hmac-property", "\"H\"\naccount-key-id = \"k\"\ndomains = [\"shop.example.com\"]", Instance, &[OPEN_PORT, RENEWAL, RENEWAL_TIMER, FILE]),
    setting("https.trusted-root", "\"/etc/root.pem\"", Instance, &[FILE]),
    setting(
        "https.certificate",
        "\"/a.pem\"\nkey = \"/b.pem\"\ndomains = [\"shop.example.com\"]",
        Instance,
        &[OPEN_PORT, OWN, OWN_PATH, OWN_TIMER, FILE],
    ),
    setting(
        "https.key",
        "\"/b.pem\"\ncertificate = \"/a.pem\"\ndomains = [\"shop.example.com\"]",
        Instance,
        &[OPEN_PORT, OWN, OWN_PATH, OWN_TIMER, FILE],
    ),
    setting("processes.mailer", "\"bin/mailer\"", Instance, &[PROCFILE]),
    setting("bundle.include", "[\"public\"]", Build, &[]),
    setting("deploy.keep-releases", "7", Instance, &[FILE]),
    setting("deploy.dead-man-seconds", "1000", Instance, &[TIMER, FILE]),
    setting("deploy.lock-seconds", "7", Instance, &[RECOVER, WEB, FILE]),
    setting("deploy.rollback-seconds", "7", Instance, &[FILE]),
    setting("deploy.rollback-crashes", "7", Instance, &[FILE]),
    setting("check.allow", "[\"names\"]", Build, &[FILE]),
];

const fn setting(
    key: &'static str,
    value: &'static str,
    owner: Owner,
    files: &'static [&'static str],
) -> Setting {
    Setting {
        key,
        value,
        owner,
        files,
    }
}

/// The keys that the project's `flipless.toml` names, commented out or not. A test of the settings package makes
/// sure that the file names all keys.
fn keys_of_the_file() -> Vec<String> {
    let file = std::fs::read_to_string(Path::new(ROOT).join("flipless.toml")).unwrap();
    let mut section = "";
    let mut keys = Vec::new();
    for line in file.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            section = name;
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

/// Returns the files of the tree that the setting changes, adds or removes.
fn changed_files(setting: &Setting, mode: &str) -> BTreeSet<String> {
    let (section, key) = setting.key.split_once('.').unwrap();
    let text = format!("[{section}]\n{key} = {}\n", setting.value);
    let before = Config::default().with_front_mode(Some(mode)).unwrap();
    let mut after = Config::parse(&text, Path::new("flipless.toml")).unwrap();
    if setting.key != "front.mode" {
        after = match after.with_front_mode(Some(mode)) {
            Ok(after) => after,
            // There is no HTTPS in this mode.
            Err(_) => return BTreeSet::new(),
        };
    }
    let (before, after) = (real_with(&before), real_with(&after));
    let names = before.keys().chain(after.keys());
    let changed = names.filter(|name| before.get(*name) != after.get(*name));
    changed.cloned().collect()
}

#[test]
fn every_key_of_flipless_toml_has_an_owner() {
    let classified: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
    assert_eq!(classified, keys_of_the_file());
}

#[test]
fn the_table_in_the_settings_package_names_the_same_owners() {
    let source = Path::new(ROOT).join("crates/settings/src/settings.rs");
    let source = std::fs::read_to_string(source).unwrap();
    for Setting { key, owner, .. } in SETTINGS {
        let owner = format!("{owner:?}").to_lowercase();
        let row = format!("//! | `{key}` | {owner} |");
        assert!(source.contains(&row), "no row {row}");
    }
}

#[test]
fn a_setting_changes_the_files_of_its_owner_alone() {
    for setting in SETTINGS {
        let mut expected: BTreeSet<String> = setting.files.iter().map(|&f| f.into()).collect();
        if matches!(setting.owner, Release | Both) {
            expected.insert(RUN.into());
        }
        assert_eq!(changed_files(setting, "nginx"), expected, "{}", setting.key);
    }
}

#[test]
fn in_every_front_mode_the_unit_of_the_run_follows_the_release_alone() {
    for mode in MODES {
        for setting in SETTINGS {
            let of_release = matches!(setting.owner, Release | Both);
            let changed = changed_files(setting, mode);
            let same_mode = setting.key == "front.mode" && setting.value.contains(mode);
            assert_eq!(
                changed.contains(RUN),
                of_release && !same_mode,
                "{mode}: {}",
                setting.key
            );
        }
    }
}

#[test]
fn a_setting_of_the_release_reaches_no_unit_of_the_instance() {
    for setting in SETTINGS.iter().filter(|setting| setting.owner == Release) {
        for mode in MODES {
            let mut changed = changed_files(setting, mode);
            changed.retain(|name| name != RUN && name != FILE);
            assert!(changed.is_empty(), "{mode}: {}: {changed:?}", setting.key);
        }
    }
}
