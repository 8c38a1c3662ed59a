//! The messages of `cargo xtask dist` when it can't build for a target.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;
use std::{env, fs};

use flipless_testing::programs::workspace;

/// A simulated machine: its rustc reports `lib` as the folder of its libraries, and its PATH contains only
/// `bin`.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        fs::create_dir(machine.path("lib")).unwrap();
        // The folder is not empty, but contains no standard library.
        fs::write(machine.path("lib/libother.rlib"), "").unwrap();
        fs::create_dir(machine.path("bin")).unwrap();
        let real = env::var_os("RUSTC").unwrap_or("rustc".into());
        let real = which::which(real).unwrap();
        // rustup's program decides by its own name which tool it is.
        symlink(real, machine.path("bin/rustc")).unwrap();
        let libdir = format!("echo '{}'", machine.path("lib").display());
        machine.answers(&libdir);
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes rustc run this script when `dist` asks for the folder of its libraries.
    fn answers(&self, script: &str) {
        let rustc = self.path("bin/rustc");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *target-libdir*) {script};; *) exec '{}' \"$@\";; esac\n",
            rustc.display()
        );
        fs::write(self.path("rustc"), script).unwrap();
        fs::set_permissions(self.path("rustc"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Adds a file that looks like a standard library.
    fn with_std(self) -> Self {
        fs::write(self.path("lib/libstd-0123456789abcdef.rlib"), "").unwrap();
        self
    }

    /// Asserts that `dist` for Graviton fails before it builds anything, and returns its messages.
    fn refused(&self) -> String {
        self.refused_with(&["--arch", "aarch64"])
    }

    /// Asserts that `dist` with these arguments fails before it builds anything, and returns its messages.
    fn refused_with(&self, arguments: &[&str]) -> String {
        render_the_platform_tree();
        let output = dist()
            .args(arguments)
            .arg("--out")
            .arg(self.path("out"))
            .env("RUSTC", self.path("rustc"))
            .env("PATH", self.path("bin"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains("Compiling"), "{said}");
        said
    }
}

/// Returns a `dist` command for this workspace.
fn dist() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("dist").current_dir(workspace());
    command
}

/// Renders the platform tree once with the real linker, which the simulated machine lacks. Later runs of cargo then
/// compile nothing for the rendering.
fn render_the_platform_tree() {
    static RENDERED: Once = Once::new();
    RENDERED.call_once(|| {
        let output = dist().arg("--plan").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    });
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_missing_standard_library_is_named_with_its_folder_and_two_ways_to_install_it() {
    let machine = Machine::new();
    let said = machine.refused();
    let looked = format!("looked in {}\n", machine.path("lib").display());
    let error = "error: Rust has no standard library for aarch64-unknown-linux-gnu; ";
    let rustup = "hint: with rustup: `rustup target add aarch64-unknown-linux-gnu`\n";
    let debian = "apt-get install libstd-rust-web-dev:arm64\n";
    assert_says(&said, &[error, &looked, rustup, debian]);
}

#[test]
fn no_hint_names_a_debian_package_that_does_not_exist() {
    let said = Machine::new().refused_with(&["--target", "x86_64-unknown-linux-musl"]);
    let rustup = "hint: with rustup: `rustup target add x86_64-unknown-linux-musl`\n";
    assert_says(&said, &[rustup, "Debian has no package for musl"]);
    assert!(!said.contains("apt-get"), "{said}");
}

#[test]
fn a_missing_linker_is_named_with_path_and_the_ways_to_install_one() {
    let machine = Machine::new().with_std();
    let said = machine.refused();
    let looked = format!(
        "no linker for aarch64-unknown-linux-gnu: no `aarch64-linux-gnu-gcc` in PATH ({})\n",
        env::join_paths([machine.path("bin")]).unwrap().display()
    );
    let debian = "hint: Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross\n";
    let zig = "pip install ziglang cargo-zigbuild\n";
    let other = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER\n";
    assert_says(&said, &[&looked, debian, zig, other]);
}

#[test]
fn a_rustc_that_fails_is_a_separate_error() {
    let machine = Machine::new();
    machine.answers("echo no such target >&2; exit 1");
    let said = machine.refused();
    assert_says(&said, &["cannot get the folder of", "no such target"]);
}
