//! Builds the image of a suite in a temporary folder, and then renames the folder. So an incomplete image is never
//! used.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::error::ImageError;
use super::model;
use super::source::Suite;
use crate::progress;
use crate::text::tail;

/// Hooks use the packages of the second line, and servers in the sandbox use those of the third line. Tests use strace
/// to kill the agent at a certain system call, and libfaketime to set a wrong clock. pebble is the certificate
/// authority.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,nginx,unzip,procps,util-linux,iproute2,strace,\
     curl,jq,sudo,wget,\
     libpq5,luajit,openssl,python3,tzdata,\
     pebble,libfaketime";

/// mmdebstrap runs in its own mount namespace, so its mounts end with its processes. If this process ends, the kernel
/// kills mmdebstrap (prctl(2), PR_SET_PDEATHSIG).
const PROGRAM: &[&str] = &[
    "setpriv",
    "--pdeathsig",
    "KILL",
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "mmdebstrap",
];

/// Returns the root of a suite's image below `store`, with `more` packages. Builds the image unless it exists.
pub(super) fn obtain(suite: Suite, more: &[&str], store: &Path) -> Result<PathBuf, ImageError> {
    let arguments = arguments(suite, more);
    let root = store.join(format!("{}-{}", suite.name(), recipe_hash(&arguments)));
    fs::create_dir_all(store).map_err(|error| ImageError::File(store.into(), error))?;
    // Only one build runs at a time. The kernel releases the lock when the building process ends.
    let lock_path = store.join(".lock");
    let lock =
        File::create(&lock_path).map_err(|error| ImageError::File(lock_path.clone(), error))?;
    lock.lock()
        .map_err(|error| ImageError::File(lock_path, error))?;
    if !root.exists() {
        build(suite, &arguments, store, &root)?;
    }
    Ok(root)
}

fn recipe_hash(arguments: &[String]) -> String {
    let mut hash = Sha256::new();
    for argument in arguments {
        hash.update(argument);
        hash.update([0]);
    }
    for text in model::fingerprint() {
        hash.update(text);
        hash.update([0]);
    }
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn arguments(suite: Suite, more: &[&str]) -> Vec<String> {
    let packages = [&[PACKAGES], more].concat().join(",");
    let mut arguments = vec![
        "--variant=minbase".to_owned(),
        format!("--include={packages}"),
    ];
    if suite == Suite::Forky {
        // The signature of a suite in development is valid for a week. A mirror's copy of the suite may be older.
        arguments.push("--aptopt=Acquire::Check-Valid-Until \"false\"".to_owned());
    }
    arguments
}

fn build(suite: Suite, arguments: &[String], store: &Path, root: &Path) -> Result<(), ImageError> {
    progress::status(
        "Building",
        format!("the image {} (only once; takes about 30 s)", suite.name()),
    );
    let folder = store.join(".building");
    let file_error = |path: &Path| {
        let path = path.to_owned();
        move |error| ImageError::File(path, error)
    };
    // An interrupted build has left this folder. This process holds the lock, so no other build uses the folder.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(file_error(&folder))?;
    }
    fs::create_dir(&folder).map_err(file_error(&folder))?;
    let built = bootstrap(suite, arguments, &folder).and_then(|()| set_up(suite, &folder));
    if let Err(error) = built {
        let _ = fs::remove_dir_all(&folder);
        return Err(error);
    }
    fs::rename(&folder, root).map_err(file_error(root))
}

fn bootstrap(suite: Suite, arguments: &[String], folder: &Path) -> Result<(), ImageError> {
    let mut command = Command::new(PROGRAM[0]);
    command
        .args(&PROGRAM[1..])
        .args(arguments)
        .arg(suite.name())
        .arg(folder);
    run(suite, command)
}

fn set_up(suite: Suite, folder: &Path) -> Result<(), ImageError> {
    model::write(folder, folder).map_err(|error| ImageError::File(folder.into(), error))?;
    let mut command = Command::new("chroot");
    command
        .arg(folder)
        .arg(PathBuf::from("/").join(model::SETUP));
    run(suite, command)
}

fn run(suite: Suite, mut command: Command) -> Result<(), ImageError> {
    let program = command.get_program().to_owned();
    let output = command
        .env("SYSTEMD_OFFLINE", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| ImageError::File(program.into(), error))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(ImageError::Build {
        suite: suite.name(),
        tail: tail(&text, 8),
        hint: hint(&text),
    })
}

fn hint(output: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| output.contains(word));
    if says(&[
        "No space left",
        io::ErrorKind::StorageFull.to_string().as_str(),
    ]) {
        "the disk is full: free 500 MB, or set CARGO_TARGET_DIR to a directory on another disk"
    } else if says(&[
        "Could not resolve",
        "Connection failed",
        "Could not connect",
        "Failed to fetch",
    ]) {
        "Debian's packages could not be downloaded: check the network and `http_proxy`, or pass a root directory with `--image DIR`"
    } else if says(&["NO_PUBKEY", "keyring"]) {
        "Debian's keys are missing: run `apt-get install debian-archive-keyring`"
    } else {
        "pass a root directory with `--image DIR`; then no image is built"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_suite_has_its_own_image() {
        let name = |suite, more| recipe_hash(&arguments(suite, more));
        assert_ne!(name(Suite::Bookworm, &[]), name(Suite::Forky, &[]));
        assert_ne!(name(Suite::Forky, &["certbot"]), name(Suite::Forky, &[]));
        assert_eq!(name(Suite::Bookworm, &[]).len(), 12);
    }

    #[test]
    fn a_failed_build_says_what_to_do() {
        assert!(hint("E: Could not resolve 'deb'").contains("--image DIR"));
        assert!(hint("write: No space left on device").contains("CARGO_TARGET_DIR"));
    }
}
