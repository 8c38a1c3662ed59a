//! Bundles of servers outside this workspace, in `examples/`.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::{env, str};

use flipless_testing::programs::workspace;

use serde_json::Value;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs `dist --config CONFIG` from a folder outside flipless's own workspace.
fn dist(config: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .args(["dist", "--config"])
        .arg(config)
        .arg("--out")
        .arg(out)
        .args(more)
        .current_dir(out);
    command
}

struct Bundle(zip::ZipArchive<File>);

impl Bundle {
    fn open(path: &Path) -> Self {
        Self(zip::ZipArchive::new(File::open(path).unwrap()).unwrap())
    }

    fn has(&self, name: &str) -> bool {
        self.0.index_for_name(name).is_some()
    }

    /// Returns the ExecStart= line of a run, without the folder of the run.
    fn command(&mut self) -> String {
        let mut unit = String::new();
        let mut entry = self.0.by_name("systemd/flipless-app@.service").unwrap();
        entry.read_to_string(&mut unit).unwrap();
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        line.unwrap().replace("/opt/flipless/runs/%i/app/", "")
    }
}

fn example(name: &str) -> Bundle {
    Bundle::open(&built_example(name).0)
}

/// Builds an example into the target directory of this workspace, which already contains the agent. The server is not
/// optimised, because the tests look only at its place and its dependencies.
fn built_example(name: &str) -> (PathBuf, tempfile::TempDir) {
    let out = tempfile::tempdir().unwrap();
    let config = workspace()
        .join("examples")
        .join(name)
        .join("flipless.toml");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = dist(&config, out.path(), &[]);
    // This does not change the agent, whose profile sets `opt-level`.
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    let output = command.env("CARGO_TARGET_DIR", target).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let zip = PathBuf::from(str::from_utf8(&output.stdout).unwrap().trim());
    (zip, out)
}

#[test]
fn an_axum_app_with_the_library_makes_a_bundle() {
    let mut bundle = example("axum");
    assert!(bundle.has("bin/axum-example") && !bundle.has("bin/flipless-relay"));
    assert_eq!(bundle.command(), "bin/axum-example");
}

#[test]
fn the_sbom_of_a_server_in_another_project_comes_from_that_project_s_lock_file() {
    let (zip, _out) = built_example("axum");
    let sbom = fs::read(zip.with_extension("cdx.json")).unwrap();
    let sbom: Value = serde_json::from_slice(&sbom).unwrap();
    let lock = fs::read_to_string(workspace().join("examples/axum/Cargo.lock")).unwrap();
    let lock: toml::Table = lock.parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let axum = packages
        .iter()
        .find(|one| one["name"].as_str() == Some("axum"));
    let axum = format!("axum@{}", axum.unwrap()["version"].as_str().unwrap());
    let edges = sbom["dependencies"].as_array().unwrap();
    let server = edges
        .iter()
        .find(|edge| edge["ref"] == "bin/axum-example")
        .unwrap();
    let direct = server["dependsOn"].as_array().unwrap();
    assert!(direct.contains(&axum.into()), "{direct:?}");
}

#[test]
fn an_app_with_listenfd_and_without_the_library_makes_a_bundle() {
    let mut bundle = example("listenfd");
    assert!(bundle.has("bin/listenfd-example") && !bundle.has("bin/flipless-relay"));
    assert_eq!(bundle.command(), "bin/listenfd-example");
}

/// A copy of an example without dependencies, as a server in another repository.
struct Elsewhere(tempfile::TempDir);

impl Elsewhere {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("src")).unwrap();
        for name in ["Cargo.toml", "Cargo.lock", "flipless.toml", "src/main.rs"] {
            let from = workspace().join("examples/own-port").join(name);
            fs::copy(from, folder.path().join(name)).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn dist(&self, more: &[&str]) -> Output {
        let mut command = dist(&self.path("flipless.toml"), self.0.path(), more);
        command.env_remove("CARGO_TARGET_DIR").output().unwrap()
    }

    /// Asserts that `dist` fails with these lines in `[server]`, and returns its messages.
    fn refused(&self, server: &str) -> String {
        fs::write(self.path("flipless.toml"), format!("[server]\n{server}\n")).unwrap();
        let output = self.dist(&[]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(output.stdout.is_empty());
        said(&output)
    }
}

/// Returns the copied server's bundle, with included files. The bundle is built once for all tests.
fn bundle_from_elsewhere() -> &'static (Elsewhere, PathBuf) {
    static BUNDLE: OnceLock<(Elsewhere, PathBuf)> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let elsewhere = Elsewhere::new();
        for (name, content) in [
            ("web/index.html", "<h1>hello</h1>"),
            ("web/v2/app.js", "start()"),
            ("web/v2/app.js.map", "{}"),
            ("tools/migrate", "#!/bin/sh\n"),
            (
                "build.rs",
                "fn main() { std::fs::write(\"web/built.css\", \"body {}\").unwrap() }\n",
            ),
        ] {
            let path = elsewhere.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        symlink("v2", elsewhere.path("web/latest")).unwrap();
        let mut settings = fs::read_to_string(elsewhere.path("flipless.toml")).unwrap();
        settings += r#"
[bundle]
include = [
    { from = "web", to = "public", exclude = ["*.map"], symlinks = "keep" },
    { from = "tools/migrate", to = "tools/migrate", mode = "0755" },
]
"#;
        fs::write(elsewhere.path("flipless.toml"), settings).unwrap();
        let output = elsewhere.dist(&[]);
        assert!(output.status.success(), "{}", said(&output));
        let zip = str::from_utf8(&output.stdout).unwrap().trim().into();
        (elsewhere, zip)
    })
}

#[test]
fn a_server_in_another_project_is_built_there_and_started_by_the_relay() {
    let (elsewhere, zip) = bundle_from_elsewhere();
    let mut bundle = Bundle::open(zip);
    assert!(bundle.has("bin/own-port") && bundle.has("bin/flipless-relay"));
    assert_eq!(bundle.command(), "bin/flipless-relay bin/own-port");
    let built = "target/x86_64-unknown-linux-gnu/release/own-port";
    assert!(elsewhere.path(built).exists());
    let original = workspace().join("examples/own-port/Cargo.lock");
    let lock = fs::read(elsewhere.path("Cargo.lock")).unwrap();
    assert_eq!(
        lock,
        fs::read(original).unwrap(),
        "the lock file is unchanged"
    );
    assert!(zip.ends_with("own-port-0.1.0-x86_64.zip"), "{zip:?}");
}

#[test]
fn included_files_are_unpacked_as_the_settings_say() {
    let (elsewhere, zip) = bundle_from_elsewhere();
    let folder = elsewhere.path("unpacked");
    let mut unzip = Command::new("unzip");
    unzip.arg("-q").arg(zip).arg("-d").arg(&folder);
    let status = unzip.status();
    assert!(status.expect("`apt-get install unzip`").success());
    let link = folder.join("public/latest");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("v2"));
    assert_eq!(fs::read_to_string(link.join("app.js")).unwrap(), "start()");
    assert!(!folder.join("public/v2/app.js.map").exists());
    let made_by_the_build = fs::read_to_string(folder.join("public/built.css"));
    assert_eq!(made_by_the_build.unwrap(), "body {}");
    for (name, expected) in [("public/index.html", 0o644), ("tools/migrate", 0o755)] {
        let mode = fs::metadata(folder.join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected, "{name}");
    }
}

#[test]
fn the_flags_of_a_server_in_another_project_come_from_that_project_s_configuration() {
    let elsewhere = Elsewhere::new();
    fs::create_dir(elsewhere.path(".cargo")).unwrap();
    let config = "[build]\nrustflags = ['--cfg=own_flags']\n";
    fs::write(elsewhere.path(".cargo/config.toml"), config).unwrap();
    let main = fs::read_to_string(elsewhere.path("src/main.rs")).unwrap();
    // The compiler reports this at once, so the test needs no complete build.
    let guard = "#[cfg(own_flags)]\ncompile_error!(\"with own flags\");\n";
    fs::write(elsewhere.path("src/main.rs"), main + guard).unwrap();
    // `dist` runs in another folder, because the flags must come from the server's project.
    let out = tempfile::tempdir().unwrap();
    let mut dist = dist(&elsewhere.path("flipless.toml"), out.path(), &[]);
    let output = dist.env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("error: with own flags"),
        "{}",
        said(&output)
    );
}

#[test]
fn the_error_names_the_fault_of_a_server_in_another_project() {
    let elsewhere = Elsewhere::new();
    let missing = elsewhere.refused("manifest = \"shop/Cargo.toml\"");
    assert!(
        missing.contains("shop/Cargo.toml") && missing.contains("[server] manifest"),
        "{missing}"
    );
    let folder = elsewhere.refused("manifest = \".\"");
    assert!(folder.contains("is a folder"), "{folder}");
    let bin = elsewhere.refused("manifest = \"Cargo.toml\"\nbin = \"shop\"");
    assert!(
        bin.contains("no binary `shop`") && bin.contains("one of: own-port"),
        "{bin}"
    );
    let package = elsewhere.refused("manifest = \"Cargo.toml\"\npackage = \"shop\"");
    assert!(
        package.contains("no package `shop`") && package.contains("one of: own-port"),
        "{package}"
    );
    let toml = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n";
    fs::write(elsewhere.path("Cargo.toml"), toml).unwrap();
    for name in ["a", "b"] {
        fs::create_dir_all(elsewhere.path(name).join("src")).unwrap();
        let toml = format!("[package]\nname = {name:?}\nedition = \"2024\"\n");
        fs::write(elsewhere.path(name).join("Cargo.toml"), toml).unwrap();
        fs::write(elsewhere.path(name).join("src/main.rs"), "fn main() {}\n").unwrap();
    }
    let which = elsewhere.refused("manifest = \"Cargo.toml\"\nbin = \"a\"");
    assert!(
        which.contains("which package of") && which.contains("one of: a, b"),
        "{which}"
    );
}

#[test]
fn an_executable_that_nothing_would_start_is_refused() {
    let elsewhere = Elsewhere::new();
    let settings = "[server]\ncommand = \"./shop --quiet\"\n";
    fs::write(elsewhere.path("flipless.toml"), settings).unwrap();
    let output = elsewhere.dist(&["--plan", "--server", "/bin/true"]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(
        said.contains("--server /bin/true") && said.contains("./shop --quiet"),
        "{said}"
    );
    assert!(
        said.contains("hint: ship the executable with `[bundle] include`"),
        "{said}"
    );
}

#[test]
fn a_server_without_a_lock_file_gets_a_hint_and_no_file() {
    let elsewhere = Elsewhere::new();
    fs::remove_file(elsewhere.path("Cargo.lock")).unwrap();
    let output = elsewhere.dist(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = said(&output);
    assert!(said.contains("has no Cargo.lock"), "{said}");
    assert!(
        said.contains("hint: run `cargo generate-lockfile`"),
        "{said}"
    );
    assert!(!elsewhere.path("Cargo.lock").exists());
}

#[test]
fn a_missing_configuration_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("flipless.toml");
    let by_flag = dist(&missing, folder.path(), &["--plan"]).output().unwrap();
    assert_eq!(by_flag.status.code(), Some(2), "{}", said(&by_flag));
    fs::write(&missing, "").unwrap();
    // This calls xtask through cargo, as a person does.
    let mut by_variable = Command::new(env::var_os("CARGO").unwrap());
    by_variable
        .args(["xtask", "dist", "--plan"])
        .current_dir(workspace());
    let by_variable = by_variable.env("FLIPLESS_CONFIG", "no-such.toml").output();
    let by_variable = by_variable.unwrap();
    assert_eq!(by_variable.status.code(), Some(1), "{}", said(&by_variable));
    assert!(
        said(&by_variable).contains("no-such.toml"),
        "{}",
        said(&by_variable)
    );
}

#[test]
fn the_plan_contains_the_relay() {
    let output = Elsewhere::new().dist(&["--plan", "--json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    let entries = plan["entries"].as_array().unwrap();
    let relay = entries
        .iter()
        .find(|entry| entry["path"] == "bin/flipless-relay");
    assert_eq!(relay.unwrap()["mode"], "0755");
}
