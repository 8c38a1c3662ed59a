//! The workspace's own programs, built by the cargo that runs the tests.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).unwrap()
}

/// Returns a command that calls the cargo that runs the tests.
fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(workspace()).stdin(Stdio::null());
    cargo
}

/// Returns the path of the demonstration server, for the tests of another package. The tests of its own package have
/// `CARGO_BIN_EXE_server`.
pub fn demonstration_server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| {
        let path = build_server();
        path.into_os_string().into_string().unwrap()
    })
}

/// Builds the demonstration server, and returns the path that cargo names.
///
/// With `--workspace`, the dependencies have the same features as in `cargo test --workspace`, so that cargo
/// compiles none of them a second time. Without the feature `platform`, the build renders no templates.
fn build_server() -> PathBuf {
    let output = cargo()
        .args(["build", "--quiet", "--workspace", "--bin", "server"])
        .args([
            "--no-default-features",
            "--features",
            "flipless-demo/server",
        ])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo failed to build the server");
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut executables =
        messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.next_back().expect("cargo names the executable")
}
