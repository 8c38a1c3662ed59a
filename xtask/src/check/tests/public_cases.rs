//! Bundles like those in public repositories and reports. The checks refuse a bundle only if EB or nginx
//! refuses it. These checks run no other program, so the result is the same on every machine.

use super::bundle::{EXPECTED, Zip, assert_fails, failed, open, warned};
use crate::check::without_programs;

const PIECE: &str = ".platform/nginx/conf.d/a.conf";

fn with(name: &str, text: &str) -> Zip {
    Zip::good().with(name, 0o644, text.as_bytes())
}

#[test]
fn a_file_in_bin_that_no_unit_starts_is_not_checked() {
    let zip = with("bin/migrate.sh", "#!/bin/sh\necho migrate\n");
    assert_eq!(warned(&zip), [""; 0]);
    let zip = Zip::good().with("bin/server", 0o755, b"#!/bin/sh\nexec ./real\n");
    assert_fails(
        &zip.bytes(),
        "executables",
        "bin/server is not an ELF executable",
    );
    let zip = Zip::good().without("bin/server");
    assert_fails(&zip.bytes(), "executables", "bin/server is missing");
}

/// The bundles that `rehearse` deploys on a booted instance.
#[test]
fn no_public_case_is_refused() {
    let cases = crate::roots::Roots::of_flipless()
        .flipless
        .join("rehearse/tests/fixtures/cases");
    let folders = std::fs::read_dir(cases).unwrap();
    let folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
    let folders: Vec<_> = folders.iter().filter(|path| path.is_dir()).collect();
    assert!(folders.len() > 10);
    for folder in folders {
        let mut zip = Zip::good();
        for entry in walkdir::WalkDir::new(folder) {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(folder).unwrap();
            let name = name.to_str().unwrap();
            if entry.path_is_symlink() {
                let target = std::fs::read_link(entry.path()).unwrap();
                zip = zip.with(name, 0o120_777, target.to_str().unwrap().as_bytes());
            } else if entry.file_type().is_file() {
                zip = zip.with(name, 0o755, &std::fs::read(entry.path()).unwrap());
            }
        }
        let bundle = open(&zip.bytes());
        let checks = crate::check::all(&bundle, EXPECTED);
        let refused: Vec<_> = checks.iter().filter(|check| check.failed()).collect();
        assert!(refused.is_empty(), "{}: {refused:#?}", folder.display());
        assert_eq!(
            crate::check::all(&bundle, EXPECTED),
            checks,
            "two runs differ"
        );
    }
}

/// Checks a bundle with many faults twice.
#[test]
fn the_messages_are_the_same_in_two_runs() {
    let zip = with(
        PIECE,
        "include /etc/nginx/none.conf;\nclient_max_body_sise 1m;\nserver { listen x:y; }\n",
    )
    .with(".platform/hooks/predeploy/b.sh", 0o644, b"x\r\n")
    .with(
        ".platform/hooks/predeploy/a.sh",
        0o755,
        b"#!/bin/sh\ncertbot\n",
    )
    .with(".ebextensions/z.config", 0o644, b"a:\n\tb: c\n")
    .with("public/tool", 0o755, &super::elf_files::program(8))
    .with(
        "bin/server",
        0o755,
        &super::elf_files::needing(&["libssl.so.1.1"], &["GLIBCXX_3.4.99", "CXXABI_1.9"]),
    )
    .edit(
        "systemd/flipless-gate.service",
        "NonBlocking=true",
        "NonBlockin=true",
    );
    let bytes = zip.bytes();
    let run = || {
        let bundle = open(&bytes);
        let checks = crate::check::all(&bundle, EXPECTED);
        (
            serde_json::to_string(&checks).unwrap(),
            crate::check::outcome::table(&checks),
        )
    };
    let first = run();
    assert!(first.1.contains("FAIL"), "{}", first.1);
    assert!(!first.1.contains("/tmp"), "{}", first.1);
    assert_eq!(first, run());
}

#[test]
fn names_that_differ_only_in_case_are_two_files() {
    let zip = with("public/Logo.png", "a")
        .with("public/logo.png", 0o644, b"b")
        .with("PROCFILE", 0o644, b"c")
        .with("Public/logo.png", 0o644, b"d");
    assert_eq!(warned(&zip), [""; 0]);
}

#[test]
fn other_files_below_the_hooks_folders_are_ignored() {
    let zip = with(".platform/hooks/README.md", "# notes\n")
        .with(".platform/hooks/lib/common.sh", 0o644, b"say() { echo; }\n")
        .with(
            ".platform/confighooks/predeploy/lib/common.sh",
            0o644,
            b"x\n",
        )
        .with(
            ".platform/hooks/prebuild/01-a.sh",
            0o755,
            b"#!/bin/sh\n. .platform/hooks/lib/common.sh\n",
        )
        .with(
            ".platform/confighooks/prebuild/01-a.sh",
            0o755,
            b"#!/bin/sh\n",
        );
    assert_eq!(warned(&zip), [""; 0]);
    let zip = Zip::good().with(".platform/hooks/pre-deploy/a.sh", 0o755, b"#!/bin/sh\n");
    let found = warned(&zip).join("; ");
    assert!(found.contains(".platform/hooks/pre-deploy/a.sh"), "{found}");
}

#[test]
fn yaml_that_eb_refuses_is_named_with_its_line() {
    let tab =
        "option_settings:\n\taws:elasticbeanstalk:environment:proxy:\n\t\tProxyServer: none\n";
    for (text, detail) in [
        (tab, ".ebextensions/10-proxy.config:2"),
        ("a: [1\n", "10-proxy.config"),
        ("a: b: c\n", "10-proxy.config"),
        ("{ \"a\": }}\n", "10-proxy.config"),
        ("- a\n", "10-proxy.config:1: the file is not a mapping"),
    ] {
        let zip = with(".ebextensions/10-proxy.config", text);
        assert_fails(&zip.bytes(), "ebextensions", detail);
    }
    for (name, text) in [
        (
            "a.config",
            "option_settings:\n  a:\n    B: \"`{ \\\"Ref\\\": x }`\"\nfiles:\n  \"/x\":\n    content: |\n      a\tb\n",
        ),
        ("a.config", "{\n\t\"option_settings\": {}\n}\n"),
        ("a.config", "# nothing\n"),
        ("a.config", ""),
        ("a.config", "a: &x [1]\nb: *x\nc: !Ref y\n"),
        ("a.yml", tab),
        ("lib/a.config", tab),
    ] {
        let zip = with(&format!(".ebextensions/{name}"), text);
        assert_eq!(failed(&zip.bytes()), [], "{name}: {text}");
    }
}

/// Checks the longest texts that `check` reads. A slow parser would need minutes for them.
#[test]
fn hostile_texts_are_checked_quickly() {
    let most = 1 << 20;
    for unit in [
        "a;",
        "server{}",
        "include *;",
        "a",
        "{",
        "a{",
        "\\",
        "'",
        "a b{c d;",
        "\n",
        "é",
    ] {
        let text = unit.repeat(most / unit.len());
        without_programs(&open(&with(PIECE, &text).bytes()), EXPECTED);
    }
    for unit in [
        "[", "{", "- ", "a: ", "? ", "&a ", "*a ", "\"", "|\n", "\n", "!a ", "- - a\n",
    ] {
        let text = unit.repeat(most / unit.len());
        let zip = with(".ebextensions/a.config", &text);
        without_programs(&open(&zip.bytes()), EXPECTED);
    }
}

#[test]
fn a_byte_order_mark_in_the_procfile_is_named() {
    let zip = with("Procfile", "\u{feff}web: bin/flipless stand-in web\n");
    assert_fails(&zip.bytes(), "Procfile", "byte order mark");
}
