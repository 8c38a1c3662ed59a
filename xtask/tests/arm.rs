//! The bundle for Graviton. It is built for aarch64 on this machine, and an emulator runs its executables.
#![allow(clippy::unwrap_used)]

#[path = "arm/toolchain.rs"]
mod toolchain;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use flipless_testing::programs::workspace;

use flipless_testing::notify::Notifications;
use flipless_testing::process::Launch;
use serde_json::Value;

/// The emulator, with Debian's C library for aarch64 (libc6-arm64-cross).
const QEMU: [&str; 3] = ["qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"];
/// Settings for a faster build. The tests check for which machine the programs are built, and whether they run. Neither
/// result depends on the optimisation. In all other respects the build is the same as for a shipped bundle.
const QUICK: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_AGENT_OPT_LEVEL", "0"),
];

struct Bundle {
    folder: PathBuf,
    manifest: Value,
}

impl Bundle {
    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    fn check(&self, name: &str) -> &Value {
        let checks = self.manifest["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).unwrap()
    }
}

/// Builds one bundle for all tests. Its target directory remains for the next test run.
fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let store = Path::new(env!("CARGO_TARGET_TMPDIR")).join("aarch64");
        let folder = store.join("bundle");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let manifest = dist(&toolchain::rustc(&store), &store.join("target"), &folder);
        let zip = manifest["zip"].as_str().unwrap();
        let mut zip = zip::ZipArchive::new(fs::File::open(zip).unwrap()).unwrap();
        zip.extract(&folder).unwrap();
        Bundle { folder, manifest }
    })
}

/// Runs `dist --arch aarch64` with another compiler than the one that compiled xtask.
fn dist(rustc: &Path, target: &Path, out: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .env("RUSTC", rustc)
        .env("CARGO_TARGET_DIR", target)
        .args(["dist", "--arch", "aarch64", "--json", "--out"])
        .arg(out)
        // With these settings, the bundle contains every program except the relay.
        .args(["--config", "rehearse/tests/fixtures/https.toml"])
        .envs(QUICK)
        .current_dir(workspace())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_executables_are_for_aarch64_and_the_platform_s_glibc() {
    assert_eq!(bundle().manifest["target"], "aarch64-unknown-linux-gnu");
    for name in ["bin/server", "bin/flipless", "bin/flipless-certificates"] {
        let content = fs::read(bundle().file(name)).unwrap();
        assert_eq!(content[18..20], 183u16.to_le_bytes(), "{name}"); // EM_AARCH64 (elf(5))
    }
    for name in ["machine", "interpreter", "glibc"] {
        assert_eq!(bundle().check(name)["ok"], true, "{name}");
    }
    assert_eq!(bundle().check("machine")["detail"], "aarch64");
}

fn agent(argument: &str) -> (Option<i32>, String, String) {
    run("bin/flipless", &[argument])
}

/// Runs a program of the bundle, and returns its exit status, standard output and standard error.
fn run(program: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(QEMU[0])
        .args(&QEMU[1..])
        .args(["-E", "PATH=/nowhere"])
        .arg(bundle().file(program))
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), stdout, stderr)
}

#[test]
fn the_agent_prints_its_version() {
    let version = format!("flipless {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(agent("--version"), (Some(0), version, String::new()));
}

#[test]
fn the_agent_s_status_fails_without_systemd_and_names_the_reason() {
    let (status, stdout, stderr) = agent("status");
    assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
    // The lines of systemctl come first, and the reason after them.
    let reason = stderr.lines().find(|line| line.starts_with("error: "));
    assert!(
        reason.is_some_and(|line| line.contains("systemctl")),
        "{stderr}"
    );
}

#[test]
fn the_program_for_certificates_makes_a_key_and_reads_the_certificate() {
    let program = |arguments: &[&str]| run("bin/flipless-certificates", arguments);
    let file = bundle().file("self-signed.pem");
    let made = program(&[
        "self-signed",
        "--domain",
        "shop.example.com",
        "--out",
        &file,
    ]);
    assert_eq!(made, (Some(0), String::new(), String::new()));
    let (status, facts, stderr) = program(&["inspect", &file]);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(facts.contains("shop.example.com"), "{facts}");
}

#[test]
fn the_server_accepts_on_an_inherited_socket_and_drains() {
    let server = bundle().file("bin/server");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let notifications = Notifications::new();
    let words = [&QEMU[..], &[server.as_str()]].concat();
    let mut server = Launch::program_on(&words, &listener)
        .notifying(&notifications)
        .set("FLIPLESS_DRAIN_SECONDS", "60")
        .serving();
    notifications.wait_for("READY=1");
    let mut idle = server.connect();
    let answer = idle.get("/health");
    assert_eq!((answer.status, answer.closes()), (200, false));
    server.signal("TERM");
    notifications.wait_for("STOPPING=1");
    let answer = idle.get("/health");
    assert_eq!((answer.status, answer.closes()), (200, true));
    let (status, stderr) = server.exit();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}
