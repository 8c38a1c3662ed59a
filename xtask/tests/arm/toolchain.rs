//! Debian's compiler with its standard library for aarch64, in a folder of its own: nothing of the
//! machine's is changed. A standard library needs the compiler of its own version (E0514).

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unpacked, not installed (`extract`, mmdebstrap(1)): also packages of a processor that is not here.
const MMDEBSTRAP: [&str; 6] = [
    "--quiet",
    "--variant=extract",
    "--architectures=amd64,arm64",
    // 1.96, by Debian's security team: Firefox needs it.
    "--include=rustc-web,libstd-rust-web-dev:arm64",
    "--format=directory",
    "bookworm",
];

/// The compiler, for `RUSTC`; made once, in half a minute, and kept below `store`.
pub fn rustc(store: &Path) -> PathBuf {
    let root = store.join("debian-rust");
    // Another run of the tests may be at it; the lock goes with its process.
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

/// Renamed when it is complete: there is never half a compiler.
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

/// With its own loader and libraries, whatever the machine's (ld.so(8)); LD_LIBRARY_PATH would reach the linker, too.
fn call(root: &Path) -> String {
    let root = root.display();
    let libraries = format!("{root}/lib/x86_64-linux-gnu");
    format!(
        "#!/bin/sh\nexec '{libraries}/ld-linux-x86-64.so.2' \
         --library-path '{root}/usr/lib/x86_64-linux-gnu:{libraries}' '{root}/usr/bin/rustc' \"$@\"\n"
    )
}
