//! What the tests need of the machine, installed if that is allowed.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::{tools, ui};

/// A program that tests call, and the Debian package that has it.
const NEEDED: [(&str, &str); 11] = [
    // libFuzzer is C++.
    ("c++", "g++"),
    ("cc", "gcc"),
    ("chromium", "chromium"),
    // The manifest names the commit; advisories are a repository.
    ("git", "git"),
    ("mmdebstrap", "mmdebstrap"),
    ("nginx", "nginx-light"),
    ("pip3", "python3-pip"),
    ("python3", "python3"),
    ("systemd-analyze", "systemd"),
    ("systemd-nspawn", "systemd-container"),
    ("unzip", "unzip"),
];
/// For the other processor's bundle: its linker, C library and emulator. Debian has them for x86_64.
const FOR_AARCH64: [(&str, &str); 3] = [
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    // No program: a file.
    ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
    ("qemu-aarch64-static", "qemu-user-static"),
];
/// Debian packages that are still missing after the attempt to install them.
///
/// # Errors
/// When root could not install one: nothing is skipped on Linux as root.
pub fn prepare() -> Result<Vec<&'static str>> {
    let missing = missing();
    if missing.is_empty() || !cfg!(target_os = "linux") {
        return Ok(missing);
    }
    let list = missing.join(" ");
    if !is_root() {
        ui::warning(format!("not installed: {list}"));
        ui::hint(format!(
            "sudo apt-get install --no-install-recommends {list}"
        ));
        return Ok(missing);
    }
    if tools::installed("apt-get").is_none() {
        bail!("not installed: {list}; there is no apt-get: install what provides them");
    }
    ui::status("Installing", &list);
    if !install(&missing) {
        apt(&["update", "--quiet"]);
        if !install(&missing) {
            bail!("apt-get could not install: {list}");
        }
    }
    match self::missing() {
        missing if missing.is_empty() => Ok(missing),
        missing => bail!(
            "still missing after the installation: {}",
            missing.join(" ")
        ),
    }
}

/// Can a bundle for aarch64 be tested beside one for this machine?
pub fn can_cross() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

fn missing() -> Vec<&'static str> {
    let absent = |name: &str| match Path::new(name) {
        file if file.is_absolute() => !file.exists(),
        _ => tools::installed(name).is_none(),
    };
    let cross: &[_] = if can_cross() { &FOR_AARCH64 } else { &[] };
    let needed = NEEDED.iter().chain(cross);
    let needed = needed.filter(|(program, _)| absent(program));
    needed.map(|(_, package)| *package).collect()
}

fn install(packages: &[&str]) -> bool {
    apt(&[
        &["install", "--yes", "--quiet", "--no-install-recommends"],
        packages,
    ]
    .concat())
}

/// Its output goes to standard error: it is no result.
fn apt(words: &[&str]) -> bool {
    let mut apt = tools::command("apt-get");
    apt.args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    apt.stdout(std::io::stderr())
        .status()
        .is_ok_and(|status| status.success())
}

/// May this process boot a container?
pub fn is_root() -> bool {
    tools::output(tools::command("id").arg("-u")).is_ok_and(|id| id == "0")
}
