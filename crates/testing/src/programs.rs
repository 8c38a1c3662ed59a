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

/// The cargo that runs the tests.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(workspace()).stdin(Stdio::null());
    cargo
}

/// The demonstration server.
pub fn demonstration_server() -> &'static str {
    static SERVER: OnceLock<String> = OnceLock::new();
    SERVER.get_or_init(|| {
        let path = program("flipless-demo", "server");
        path.into_os_string().into_string().unwrap()
    })
}

/// Builds a program of the workspace, and returns where cargo says that it is.
pub fn program(package: &str, bin: &str) -> PathBuf {
    let mut cargo = cargo();
    cargo.args(["build", "--quiet", "--package", package, "--bin", bin]);
    cargo.arg("--message-format=json-render-diagnostics");
    let output = cargo.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "cargo could not build {bin}");
    let messages = output.stdout.split(|byte| *byte == b'\n');
    let messages = messages.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let of_bin = messages.filter(|message| message["target"]["name"] == bin);
    let executables =
        of_bin.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    executables.last().expect("cargo names the executable")
}
