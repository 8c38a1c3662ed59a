//! The rendered units: systemd accepts them, their sandbox scores as it should, and they keep the rules that
//! ARCHITECTURE.md lists.

use std::fs;
use std::process::Command;

use flipless_settings::{Config, layout};

use super::{MODES, real};

/// The highest allowed exposure by `systemd-analyze security`, in tenths. Lower is safer.
const LIMITS: [(&str, u32); 8] = [
    // The server's sandbox takes away only what servers do not need.
    ("flipless-app@.service", 20),
    // The front's sandbox allows everything that nginx can do on stock EB.
    ("flipless-front.service", 29),
    ("flipless-gate.service", 20),
    ("flipless-deadman.service", 27),
    ("flipless-identity.service", 27),
    ("flipless-recover.service", 25),
    ("nginx.service.d/zz-flipless.conf", 5),
    // This drop-in has no IPAddressDeny=, which would also apply to EB's own process before the first flip.
    ("web.service.d/zz-flipless.conf", 7),
];

fn units(mode: &str) -> Vec<(String, String)> {
    let unit = |(name, text): (String, String)| Some((name.strip_prefix("systemd/")?.into(), text));
    real(mode).into_iter().filter_map(unit).collect()
}

/// Writes the units into a folder. A drop-in becomes a separate unit. Programs and users that exist only on an
/// instance are replaced, so that systemd finds only our own faults.
fn install(mode: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in units(mode) {
        let text = text.replace(layout::AGENT, "/bin/true");
        let server = format!("{}/%i/app/bin/server", layout::RUNS);
        let text = text.replace(&server, "/bin/true");
        let text = text
            .replace("/usr/sbin/nginx", "/bin/true")
            .replace(&format!("={}", layout::USER), "=daemon");
        // EB's own web.service sets the user.
        let user = if name.starts_with("web.service.d/") {
            "User=daemon\n"
        } else {
            ""
        };
        let text = text + user;
        fs::write(folder.path().join(file_name(&name)), text).unwrap();
    }
    let link = folder.path().join("flipless-app@x-1.service");
    std::os::unix::fs::symlink("flipless-app@.service", link).unwrap();
    folder
}

fn file_name(name: &str) -> String {
    match name.split_once(".service.d/") {
        Some((unit, _)) => format!("stand-in-{unit}.service"),
        None => name.to_owned(),
    }
}

pub fn systemd_analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .env("LC_ALL", "C")
        .env("SYSTEMD_PAGER", "")
        .output()
        .expect("systemd-analyze is needed: `apt-get install systemd`");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn systemd_finds_nothing_wrong_with_any_unit() {
    for mode in MODES {
        let folder = install(mode);
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.to_string_lossy().contains("@.") {
                continue;
            }
            let (fine, said) = systemd_analyze(&["verify", "--man=no", path.to_str().unwrap()]);
            // systemd reports an unknown key only as a line on standard error. Any line about these files is a
            // fault.
            let ours = said
                .lines()
                .filter(|line| line.contains(folder.path().to_str().unwrap()));
            let ours: Vec<&str> = ours.collect();
            assert!(
                fine && ours.is_empty(),
                "{mode}: {}: {said}",
                path.display()
            );
        }
    }
}

#[test]
fn verify_reports_an_unknown_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.service");
    fs::write(&path, "[Service]\nExecStart=/bin/true\nNonBlokcing=true\n").unwrap();
    let (_, said) = systemd_analyze(&["verify", "--man=no", path.to_str().unwrap()]);
    assert!(
        said.contains(path.to_str().unwrap()),
        "the test above could not fail: {said}"
    );
}

#[test]
fn the_sandboxes_score_as_they_should() {
    for mode in MODES {
        let folder = install(mode);
        for (name, limit) in LIMITS {
            let path = folder.path().join(file_name(name));
            if !path.exists() {
                assert_ne!(mode, "nginx", "{name} is missing");
                continue;
            }
            let threshold = format!("--threshold={limit}");
            let arguments = [
                "security",
                "--offline=true",
                &threshold,
                path.to_str().unwrap(),
            ];
            let (fine, said) = systemd_analyze(&arguments);
            assert!(
                fine,
                "{mode}: {name}: {}",
                said.lines().last().unwrap_or_default()
            );
        }
    }
}

#[test]
fn the_sandbox_of_a_server_that_writes_files_scores_as_the_others() {
    let paths = "writable-paths = [\"/srv\"]";
    for server in [paths, &format!("{paths}\nown-user = true")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.service");
        fs::write(&path, app_unit(server)).unwrap();
        let threshold = format!("--threshold={}", LIMITS[0].1);
        let path = path.to_str().unwrap();
        let (fine, said) = systemd_analyze(&["security", "--offline=true", &threshold, path]);
        assert!(
            fine,
            "{server}: {}",
            said.lines().last().unwrap_or_default()
        );
    }
}

#[test]
fn every_service_that_shares_a_socket_is_non_blocking() {
    for (name, text) in MODES.iter().flat_map(|mode| units(mode)) {
        let shares = [
            "flipless-app@.service",
            "flipless-gate.service",
            "flipless-front.service",
        ];
        if shares.contains(&name.as_str()) {
            assert!(text.contains("\nNonBlocking=true\n"), "{name}");
        }
        if name.ends_with(".socket") {
            assert!(text.contains("\nTriggerLimitIntervalSec=0\n"), "{name}");
        }
    }
}

#[test]
fn no_unit_is_eb_s_own_or_runs_from_its_directory() {
    for (name, text) in MODES.iter().flat_map(|mode| units(mode)) {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let names = |word: &str| lines.iter().any(|line| line.contains(word));
        for forbidden in ["PartOf=", "RemainAfterExit"] {
            assert!(!names(forbidden), "{name}: {forbidden}");
        }
        let runs = |line: &&str| line.starts_with("Exec") && line.contains("/var/app");
        assert_eq!(lines.iter().copied().find(runs), None, "{name}");
        let is_a_run = name == layout::APP_TEMPLATE;
        assert_eq!(names("/var/app"), is_a_run, "{name}");
    }
}

/// EB's flip removes the folder /var/app/current, and with it every mount on it. So a run has its own file system at
/// /var/app, and its release is mounted in this file system.
#[test]
fn a_run_sees_its_own_release_at_eb_s_path() {
    let unit = app_unit("writable-paths = [\"/var/app/data\", \"/srv\"]");
    let mounts = ["TemporaryFileSystem", "BindReadOnlyPaths", "BindPaths"];
    let mounts = mounts.map(|key| values(&unit, key));
    let [own, release, writable] = &mounts;
    assert_eq!(own, &["/var/app:ro", "/home/webapp:mode=1777"]);
    assert_eq!(release, &["/opt/flipless/runs/%i/app:/var/app/current"]);
    assert_eq!(writable, &["-/var/app/data", "-/srv"]);
    assert_eq!(values(&unit, "WorkingDirectory"), ["/var/app/current"]);
    assert_eq!(values(&unit, "ReadWritePaths"), [""; 0]);
}

/// Runs with separate users can't send signals to each other. Runs that write files keep EB's user, so that the
/// files keep their owner.
#[test]
fn a_run_has_its_own_user_or_the_one_of_stock_eb() {
    let paths = "writable-paths = [\"/srv\"]";
    for (server, user, umask) in [
        ("", "fl-%i", "0027"),
        (paths, "webapp", "0022"),
        (&format!("{paths}\nown-user = true"), "fl-%i", "0002"),
        ("own-user = false", "webapp", "0027"),
    ] {
        let unit = app_unit(server);
        let dynamic: &[&str] = if user == "webapp" { &[] } else { &["true"] };
        assert_eq!(values(&unit, "DynamicUser"), dynamic, "{server}");
        assert_eq!(values(&unit, "User"), [user], "{server}");
        assert_eq!(values(&unit, "Group"), ["webapp"], "{server}");
        assert_eq!(values(&unit, "UMask"), [umask], "{server}");
    }
}

/// systemd accepts a name of at most 31 characters for a user (UT_NAMESIZE, useradd(8)).
#[test]
fn the_name_of_a_run_is_a_name_for_its_user() {
    let longest = format!("{}{}-{}", layout::RUN_USER, "f".repeat(12), u32::MAX);
    assert!(longest.len() <= 31, "{longest}");
}

#[test]
fn the_nginx_stand_in_resets_every_line_that_names_the_real_nginx() {
    let units = units("nginx");
    let (_, text) = units
        .iter()
        .find(|(name, _)| name.starts_with("nginx.service.d/"))
        .unwrap();
    let keys = ["PIDFile", "ExecStartPre", "ExecStart", "ExecStartPost"];
    for key in keys
        .iter()
        .chain(&["ExecReload", "ExecStop", "ExecStopPost"])
    {
        let first = text
            .lines()
            .find(|line| line.starts_with(&format!("{key}=")));
        assert_eq!(
            first,
            Some(format!("{key}=").as_str()),
            "{key} is reset before it is set"
        );
    }
    assert!(text.contains("\nType=notify\n") && text.contains("\nKillSignal=SIGQUIT\n"));
}

/// The unit of the run with these lines in `[server]`.
fn app_unit(server: &str) -> String {
    let path = std::path::Path::new("flipless.toml");
    let config = Config::parse(&format!("[server]\n{server}\n"), path);
    super::real_with(&config.unwrap())
        .remove("systemd/flipless-app@.service")
        .unwrap()
}

/// Every value of a key in the section [Service] of a unit.
fn values(unit: &str, key: &str) -> Vec<String> {
    let directives = flipless_settings::unit_file::parse(unit);
    let values = flipless_settings::unit_file::values(&directives, "Service", key);
    values.map(str::to_owned).collect()
}

fn start_line(unit: &str) -> &str {
    let mut lines = unit.lines().filter(|line| line.starts_with("ExecStart="));
    let line = lines.next().unwrap();
    assert_eq!(lines.next(), None);
    line.strip_prefix("ExecStart=").unwrap()
}

#[test]
fn a_relay_stands_before_a_server_with_a_port_of_its_own() {
    let unit = app_unit("bin = \"shop\"\nargs = [\"-v\"]\nhandover = \"port\"");
    let bin = "/opt/flipless/runs/%i/app/bin";
    let expected = format!("{bin}/flipless-relay {bin}/shop \"-v\"");
    assert_eq!(start_line(&unit), expected);
    let plain = app_unit("bin = \"shop\"\nargs = [\"-v\"]");
    assert_eq!(start_line(&plain), format!("{bin}/shop \"-v\""));
    let variables = "port-variables = [\"HTTP_PORT\", \"URL=http://h:{port}/$a%\"]";
    let told = app_unit(&format!("bin = \"shop\"\nhandover = \"port\"\n{variables}"));
    let variables = r#""HTTP_PORT={port}" "URL=http://h:{port}/$$a%%""#;
    let expected = format!("{bin}/flipless-relay {variables} {bin}/shop");
    assert_eq!(start_line(&told), expected);
    // All other lines are the same: to systemd, the relay is the server.
    let others = |unit: &str| -> Vec<String> {
        let lines = unit.lines().filter(|line| !line.is_empty());
        let lines =
            lines.filter(|line| !line.starts_with(['#']) && !line.starts_with("ExecStart="));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(others(&unit), others(&plain));
}

#[test]
fn server_arguments_reach_systemd_as_they_are() {
    let words = ["a b", "50%", "$HOME", "quo\"te", "back\\slash"];
    let list: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    let unit = app_unit(&format!("args = [{}]", list.join(", ")));
    let expected = r#" "a b" "50%%" "$$HOME" "quo\"te" "back\\slash""#;
    assert!(start_line(&unit).ends_with(expected), "{unit}");
}

/// `rehearse/tests/sandbox.rs` tries the calls themselves.
#[test]
fn the_sandbox_of_a_server_takes_no_call_away_from_the_common_ones() {
    let unit = app_unit("");
    let filters = values(&unit, "SystemCallFilter");
    assert_eq!(filters[0], "@system-service");
    assert!(!filters.iter().any(|filter| filter.starts_with('~')));
    let last = |key| values(&unit, key).pop().unwrap_or_default();
    assert_eq!(last("SystemCallErrorNumber"), "ENOSYS");
    assert_eq!(last("ProtectHome"), "tmpfs");
    assert_eq!(last("ProcSubset"), "", "it hides /proc/sys");
    assert_eq!(last("IPAddressDeny"), "", "the metadata service");
    assert!(last("RestrictAddressFamilies").contains("AF_NETLINK"));
}

#[test]
fn only_a_server_that_compiles_code_may_write_and_execute_memory() {
    let allowed = |server: &str| values(&app_unit(server), "MemoryDenyWriteExecute").pop();
    assert_eq!(allowed(""), Some("true".into()));
    assert_eq!(allowed("jit = false"), Some("true".into()));
    assert_eq!(allowed("jit = true"), Some("false".into()));
    let stand_ins = units("nginx")
        .into_iter()
        .filter(|(name, _)| name.contains(".d/"));
    for (name, unit) in stand_ins {
        assert_eq!(values(&unit, "MemoryDenyWriteExecute"), ["true"], "{name}");
        assert_eq!(values(&unit, "ProtectHome"), ["true"], "{name}");
        let filters = values(&unit, "SystemCallFilter");
        assert_eq!(
            filters,
            ["@system-service", "~@privileged @resources"],
            "{name}"
        );
        assert_eq!(values(&unit, "SystemCallErrorNumber"), ["EPERM"], "{name}");
    }
}

/// Real nginx configurations need logs and caches in other folders, keys in a home folder, and limits and
/// priorities of the workers. An earlier version of the sandbox refused all of them.
#[test]
fn the_front_allows_what_stock_nginx_can_do() {
    let units = units("nginx");
    let (_, text) = units
        .iter()
        .find(|(name, _)| name == "flipless-front.service")
        .unwrap();
    let directives = flipless_settings::unit_file::parse(text);
    let all = |key| -> Vec<&str> {
        flipless_settings::unit_file::values(&directives, "Service", key).collect()
    };
    for (key, value) in [("ProtectSystem", "full"), ("ProtectHome", "read-only")] {
        assert_eq!(all(key).last(), Some(&value));
    }
    assert_eq!(all("ProcSubset"), [""; 0], "it hides /proc/sys");
    assert_eq!(all("SystemCallFilter"), ["@system-service"]);
    assert!(all("RestrictAddressFamilies")[0].contains("AF_NETLINK"));
    let capabilities = all("CapabilityBoundingSet").join(" ");
    for needed in ["SYS_NICE", "SYS_RESOURCE", "NET_RAW", "FOWNER"] {
        let needed = format!("CAP_{needed}");
        assert!(capabilities.contains(&needed), "{needed}");
    }
}

/// The dead man's switch removes the marker of a first version that never starts. The marker is in EB's folder. This
/// folder may belong to the application's user, so the agent needs CAP_DAC_OVERRIDE.
#[test]
fn the_dead_man_may_remove_a_marker() {
    for mode in MODES {
        let units = units(mode);
        let (_, text) = units
            .iter()
            .find(|(name, _)| name == layout::DEADMAN)
            .unwrap();
        let directives = flipless_settings::unit_file::parse(text);
        let has = |key, word: &str| {
            let mut values = flipless_settings::unit_file::values(&directives, "Service", key);
            values.any(|value| value.split_whitespace().any(|found| found == word))
        };
        assert!(has("ReadWritePaths", "/var"));
        assert!(has("CapabilityBoundingSet", "CAP_DAC_OVERRIDE"));
        // The agent changes the owner of EB's health log, and restores the owner if the first version never starts.
        assert!(has("CapabilityBoundingSet", "CAP_CHOWN"));
    }
}
