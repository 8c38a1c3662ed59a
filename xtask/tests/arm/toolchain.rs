//! Debian's compiler with its standard library for aarch64, in a separate folder, so that the machine stays
//! unchanged. A standard library needs the compiler of exactly its own version (E0514).

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Only unpacks the packages (`extract`, mmdebstrap(1)), because packages for another processor can't be
/// installed here.
const MMDEBSTRAP: [&str; 6] = [
    "--quiet",
    "--variant=extract",
    "--architectures=amd64,arm64",
    // rustc-web is version 1.96. Debian's security team provides it, because Firefox needs it.
    "--include=rustc-web,libstd-rust-web-dev:arm64",
    "--format=directory",
    "bookworm",
];

/// Returns the path of the compiler, for `RUSTC`. The first call unpacks the compiler below `store` in half a minute.
pub fn rustc(store: &Path) -> PathBuf {
    let root = store.join("debian-rust");
    // Another test process may unpack the compiler now. Its lock ends when that process ends.
    let lock = File::create(store.join("lock")).unwrap();
    lock.lock().unwrap();
    if !root.exists() {
        unpack(store, &root);
    }
    let script = store.join("rustc");
    fs::write(&script, call(&root)).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Unpacks the compiler to `root`. The folder gets this name only when it is complete.
fn unpack(store: &Path, root: &Path) {
    let folder = store.join("unpacking");
    let _ = fs::remove_dir_all(&folder);
    let output = Command::new("mmdebstrap")
        .args(MMDEBSTRAP)
        .arg(&folder)
        .output()
        .expect("mmdebstrap is needed: `apt-get install mmdebstrap`");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mmdebstrap: {said}");
    fs::rename(&folder, root).unwrap();
}

/// Returns a script that calls the compiler with Debian's loader and libraries (ld.so(8)). LD_LIBRARY_PATH
/// would also affect the linker.
fn call(root: &Path) -> String {
    let root = root.display();
    let libraries = format!("{root}/lib/x86_64-linux-gnu");
    format!(
        "#!/bin/sh\nexec '{libraries}/ld-linux-x86-64.so.2' \
         --library-path '{root}/usr/lib/x86_64-linux-gnu:{libraries}' '{root}/usr/bin/rustc' \"$@\"\n"
    )
}
