//! Executables for other machines, and libraries that the platform lacks.

use super::bundle::{Zip, assert_fails, warned};
use super::elf_files::{AARCH64, needing, program, static_glibc, with_interpreter, with_levels};

const HOOK: &str = ".platform/hooks/prebuild/01_install.sh";

fn server(content: &[u8]) -> Zip {
    Zip::good().with("bin/server", 0o755, content)
}

/// Such an executable may be a download for users, or a prebuilt module for another platform.
#[test]
fn an_executable_that_nothing_starts_is_only_warned_about() {
    for (content, expected) in [
        (program(AARCH64), "machine: public/tool is for aarch64"),
        (program(8), "another processor"),
        (with_interpreter("/lib/ld-musl-x86_64.so.1"), "ld-musl"),
        (static_glibc(), "static glibc: public/tool"),
        (needing(&["libssl.so.1.1"], &[]), "libssl.so.1.1"),
    ] {
        let zip = Zip::good().with("public/tool", 0o755, &content);
        let found = warned(&zip).join("; ");
        assert!(found.contains(expected), "{expected}: {found}");
    }
    // A 32-bit executable, and a damaged one.
    for content in [b"\x7fELF\x01\x01\x01\0\0".as_slice(), b"\x7fELF"] {
        assert_eq!(
            warned(&Zip::good().with("public/tool", 0o755, content)),
            [""; 0]
        );
    }
}

#[test]
fn programs_of_the_procfile_and_hooks_are_started() {
    let worker = Zip::good()
        .with("tools/worker", 0o755, &program(AARCH64))
        .edit("Procfile", "\n", "\nworker: ./tools/worker --queue high\n");
    assert_fails(&worker.bytes(), "machine", "tools/worker");
    let hook = Zip::good().with(HOOK, 0o755, &program(AARCH64));
    assert_fails(&hook.bytes(), "machine", HOOK);
}

#[test]
fn another_version_of_a_library_of_the_platform_is_missing() {
    for (library, detail) in [
        ("libssl.so.1.1", "but Amazon Linux 2023 has libssl.so.3"),
        ("libcrypto.so.1.1", "libcrypto.so.3"),
        ("libcrypt.so.1", "libcrypt.so.2"),
        ("libffi.so.7", "libffi.so.8"),
        ("libc.musl-x86_64.so.1", "libc.so.6"),
    ] {
        let zip = server(&needing(&[library, "libc.so.6"], &[]));
        assert_fails(&zip.bytes(), "libraries", detail);
        let shipped = zip.clone().with(&format!("lib/{library}"), 0o755, b"");
        assert_eq!(warned(&shipped), [""; 0], "{library}");
        let installed = zip.with(HOOK, 0o755, b"#!/bin/sh\n");
        let found = warned(&installed).join("; ");
        assert!(found.contains(detail), "a hook may install it: {found}");
    }
}

#[test]
fn a_library_that_the_instance_may_have_is_warned_about() {
    let fine = [
        "libc.so.6",
        "libm.so.6",
        "libssl.so.3",
        "libstdc++.so.6",
        "libz.so.1",
    ];
    assert_eq!(warned(&server(&needing(&fine, &[]))), [""; 0]);
    let found = warned(&server(&needing(&["libpq.so.5"], &[]))).join("; ");
    assert!(found.contains("bin/server needs libpq.so.5"), "{found}");
}

#[test]
fn newer_symbol_versions_are_named_with_the_platform_s_newest() {
    for version in [
        "GLIBCXX_3.4.30",
        "CXXABI_1.3.14",
        "GCC_12.0.0",
        "OPENSSL_3.3.0",
    ] {
        let zip = server(&needing(&["libc.so.6"], &[version]));
        assert_fails(&zip.bytes(), "symbol versions", &format!("needs {version}"));
    }
    let old = [
        "GLIBCXX_3.4.29",
        "GLIBCXX_3.4.9",
        "CXXABI_1.3.13",
        "CXXABI_FLOAT128",
        "OPENSSL_3.0.0",
    ];
    assert_eq!(warned(&server(&needing(&[], &old))), [""; 0]);
    let shipped = server(&needing(&[], &["GLIBCXX_3.4.32"])).with("lib/libstdc++.so.6", 0o755, b"");
    assert_eq!(warned(&shipped), [""; 0]);
}

#[test]
fn levels_that_some_instances_lack_are_warned_about() {
    for (bits, expected) in [(1, ""), (3, ""), (7, "x86-64-v3"), (0xf, "x86-64-v4")] {
        let found = warned(&server(&with_levels(bits))).join("; ");
        assert!(found.contains(expected), "{bits}: {found}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{bits}: {found}");
    }
}

#[test]
fn a_program_of_the_procfile_that_a_hook_may_make_is_a_warning() {
    let zip = Zip::good().edit("Procfile", "\n", "\nworker: bin/worker\n");
    assert_fails(&zip.bytes(), "Procfile", "bin/worker is not in the bundle");
    let made = zip.clone().with("Buildfile", 0o644, b"build: ./build.sh\n");
    let found = warned(&made).join("; ");
    assert!(found.contains("bin/worker is not in the bundle"), "{found}");
    let plain = zip.with("bin/worker", 0o644, b"#!/bin/sh\n");
    assert_fails(&plain.bytes(), "Procfile", "bin/worker has no exec bit");
}
