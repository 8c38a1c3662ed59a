//! The programs that the tests need. Installs them if root runs the tests.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Result, bail};

use crate::{tools, ui};

/// Programs that tests call, each with its Debian package.
const NEEDED: [(&str, &str); 12] = [
    ("cc", "gcc"),
    ("chromium", "chromium"),
    // `dist` writes the commit into the manifest, and the database of advisories is a git repository.
    ("git", "git"),
    ("mmdebstrap", "mmdebstrap"),
    ("nginx", "nginx-light"),
    ("pebble", "pebble"),
    ("pip3", "python3-pip"),
    ("python3", "python3"),
    ("sslscan", "sslscan"),
    ("systemd-analyze", "systemd"),
    ("systemd-nspawn", "systemd-container"),
    ("unzip", "unzip"),
];
/// The linker, C library and emulator with which an x86_64 machine builds and tests a bundle for aarch64. Each is
/// listed with its Debian package.
const FOR_AARCH64: [(&str, &str); 3] = [
    ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    // This entry is a file, not a program.
    ("/usr/aarch64-linux-gnu/lib/libc.a", "libc6-dev-arm64-cross"),
    ("qemu-aarch64-static", "qemu-user-static"),
];
/// Installs missing Debian packages if possible. Returns the packages that are still missing.
///
/// # Errors
/// If root can't install a package. As root on Linux, no step may be skipped because a package is missing.
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
        bail!(
            "not installed: {list}; this system has no apt-get: install the corresponding packages"
        );
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

/// Whether this machine can test a bundle for aarch64.
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

/// Runs apt-get, and returns whether it succeeds. Its output goes to standard error, because standard output is only
/// for results.
fn apt(words: &[&str]) -> bool {
    let mut apt = tools::command("apt-get");
    apt.args(words)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null());
    apt.stdout(std::io::stderr())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether root runs this process. Only root may boot a container.
pub fn is_root() -> bool {
    tools::output(tools::command("id").arg("-u")).is_ok_and(|id| id == "0")
}
