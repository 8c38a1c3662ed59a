//! Builds real bundles with `cargo xtask dist`, unpacks them with Info-ZIP, and looks.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// One bundle at a time: two that differ in their settings would share the build script's output.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A folder for settings, servers and bundles.
struct Bench {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Bench {
    fn new() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            folder: tempfile::tempdir().unwrap(),
            _alone: alone,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Names in the output folder.
    fn published(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.out()) else {
            return Vec::new();
        };
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// `cargo xtask WORDS`, with this folder's `flipless.toml` if it has one.
    fn xtask(&self, words: &[&str]) -> Output {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["run", "--quiet", "--package", "xtask", "--"])
            .args(words)
            .current_dir(ROOT);
        for name in [
            "FLIPLESS_CONFIG",
            "FLIPLESS_FRONT",
            "SOURCE_DATE_EPOCH",
            "RUSTFLAGS",
        ] {
            cargo.env_remove(name);
        }
        let settings = self.path("flipless.toml");
        if settings.exists() {
            cargo.env("FLIPLESS_CONFIG", settings);
        }
        cargo.output().unwrap()
    }

    fn dist(&self, words: &[&str]) -> Output {
        let out = self.out();
        self.xtask(&[&["dist", "--out", out.to_str().unwrap()], words].concat())
    }

    /// The zip of a run that must succeed.
    fn zip(&self, words: &[&str]) -> PathBuf {
        let output = self.dist(words);
        assert!(output.status.success(), "{}", stderr(&output));
        PathBuf::from(stdout(&output).trim_end())
    }

    fn with_server(&self, server: &Path) -> Output {
        self.dist(&["--server", server.to_str().unwrap()])
    }

    /// Compiles C without a C library.
    fn compile(&self, name: &str, source: &str, words: &[&str]) -> PathBuf {
        let source = self.write(&format!("{name}.c"), source, 0o644);
        let program = self.path(name);
        run(Command::new("cc")
            .args(["-nostdlib", "-o"])
            .arg(&program)
            .arg(source)
            .args(words));
        program
    }

    /// A server that needs nothing, and so is fine.
    fn plain_server(&self) -> PathBuf {
        self.compile("plain", "void _start(void) { for (;;); }", &["-static"])
    }
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    stdout(&output)
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Mode and name of every entry, as `unzip` sees them.
fn listing(zip: &Path) -> Vec<(String, String)> {
    let text = run(Command::new("unzip").arg("-Z").arg(zip));
    let lines = text
        .lines()
        .filter(|line| line.starts_with(['-', 'd', 'l']));
    lines
        .map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            (words[0].to_owned(), words[8..].join(" "))
        })
        .collect()
}

fn mode_of(zip: &Path, name: &str) -> String {
    listing(zip)
        .into_iter()
        .find(|(_, entry)| entry == name)
        .unwrap()
        .0
}

fn names(zip: &Path) -> Vec<String> {
    listing(zip).into_iter().map(|(_, name)| name).collect()
}

fn sha256(path: &Path) -> String {
    run(Command::new("sha256sum").arg(path))[..64].to_owned()
}

#[test]
fn the_bundle_is_what_elastic_beanstalk_asks_for() {
    let bench = Bench::new();
    let output = bench.dist(&[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (zip, said) = (PathBuf::from(stdout(&output).trim_end()), stderr(&output));
    assert_eq!(
        stdout(&output),
        format!("{}\n", zip.display()),
        "only the path"
    );
    assert_eq!(zip.parent().unwrap(), bench.out());
    assert!(
        said.contains("eb deploy --label flipless-demo-0.1.0-"),
        "{said}"
    );

    assert!(names(&zip).is_sorted());
    for name in ["bin/server", "bin/flipless"] {
        assert_eq!(mode_of(&zip, name), "-rwxr-xr-x", "{name}");
    }
    let hooks: Vec<_> = listing(&zip)
        .into_iter()
        .filter(|(_, name)| name.ends_with(".sh"))
        .collect();
    assert!(hooks.len() >= 4, "{hooks:?}");
    assert!(
        hooks.iter().all(|(mode, _)| mode == "-rwxr-xr-x"),
        "{hooks:?}"
    );
    assert_eq!(mode_of(&zip, "Procfile"), "-rw-r--r--");
    let procfile = run(Command::new("unzip").args(["-p"]).arg(&zip).arg("Procfile"));
    assert_eq!(
        procfile.lines().next(),
        Some("web: bin/flipless stand-in web")
    );

    let sum = format!("{}.sha256", zip.file_name().unwrap().to_str().unwrap());
    run(Command::new("sha256sum")
        .args(["-c", &sum])
        .current_dir(bench.out()));
    run(Command::new("unzip")
        .args(["-q", "-o"])
        .arg(&zip)
        .arg("-d")
        .arg(bench.path("unpacked")));
    no_path_of_this_machine(&bench.path("unpacked/bin"));
    let checked = bench.xtask(&["check", zip.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", stdout(&checked));
}

fn no_path_of_this_machine(folder: &Path) {
    let home = env::var("CARGO_HOME").unwrap_or(format!("{}/.cargo", env::var("HOME").unwrap()));
    for program in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(program.unwrap().path()).unwrap();
        for path in [ROOT, &home] {
            let found = bytes
                .windows(path.len())
                .any(|window| window == path.as_bytes());
            assert!(!found, "{path} is in a program of {}", folder.display());
        }
    }
}

#[test]
fn a_repeated_run_gives_the_same_bytes_and_the_manifest_agrees_with_them() {
    let bench = Bench::new();
    let zip = bench.zip(&[]);
    let first = fs::read(&zip).unwrap();
    fs::remove_file(&zip).unwrap();
    let output = bench.dist(&["--json"]);
    assert!(
        first == fs::read(&zip).unwrap(),
        "two runs gave different bytes"
    );

    let manifest: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(manifest["zip"], zip.to_str().unwrap());
    assert_eq!(manifest["sha256"], sha256(&zip));
    assert_eq!(manifest["bytes"], first.len());
    assert_eq!(manifest["target"], "x86_64-unknown-linux-gnu");
    assert_eq!(
        manifest["label"],
        format!("flipless-demo-0.1.0-{}", &sha256(&zip)[..12])
    );
    let unpacked = bench.path("unpacked");
    run(Command::new("unzip")
        .arg("-q")
        .arg(&zip)
        .arg("-d")
        .arg(&unpacked));
    let entries = manifest["entries"].as_array().unwrap();
    assert_eq!(
        entries
            .iter()
            .map(|e| e["path"].as_str().unwrap())
            .collect::<Vec<_>>(),
        names(&zip)
    );
    for entry in entries {
        let path = unpacked.join(entry["path"].as_str().unwrap());
        let data = path.metadata().unwrap();
        assert_eq!(entry["sha256"], sha256(&path));
        assert_eq!(entry["bytes"], data.len());
        assert_eq!(
            entry["mode"],
            format!("{:04o}", data.permissions().mode() & 0o7777)
        );
    }
    let checks = manifest["checks"].as_array().unwrap();
    assert!(
        checks.len() > 10 && checks.iter().all(|check| check["ok"] == true),
        "{checks:?}"
    );
}

#[test]
fn includes_keep_the_exec_bit_and_nothing_else_of_their_mode() {
    let bench = Bench::new();
    bench.write("site/index.html", "x", 0o600);
    bench.write("site/.hidden/tool", "x", 0o700);
    bench.write(
        "flipless.toml",
        "[bundle]\ninclude = [{ from = \"site\", to = \"public/a\" }]",
        0o644,
    );
    let zip = bench.zip(&["--server", bench.plain_server().to_str().unwrap()]);
    assert_eq!(mode_of(&zip, "public/a/index.html"), "-rw-r--r--");
    assert_eq!(mode_of(&zip, "public/a/.hidden/tool"), "-rwxr-xr-x");
    let plan = stdout(&bench.dist(&["--plan", "--json"]));
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let planned: Vec<_> = plan["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["path"].as_str().unwrap())
        .collect();
    assert_eq!(planned, names(&zip), "the plan is what is shipped");
}

#[test]
fn what_is_wrong_in_the_settings_is_named_before_anything_is_built() {
    let bench = Bench::new();
    bench.write("mine/Procfile", "web: x", 0o644);
    fs::create_dir(bench.path("links")).unwrap();
    symlink("/etc/passwd", bench.path("links/a")).unwrap();
    let missing = format!("folder that exists is {}", bench.path("mine").display());
    for (settings, expected) in [
        (
            "[bundle]\ninclude = [{ from = \"mine/Procfile\", to = \"Procfile\" }]",
            vec![
                "two files would be `Procfile`",
                "platform-templates/Procfile and ",
                "/mine/Procfile",
            ],
        ),
        (
            "[bundle]\ninclude = [{ from = \"mine\", to = \"bin/server\" }]",
            vec![
                "`bin/server` would be a file (the server) and a folder",
                "/mine/Procfile",
            ],
        ),
        (
            "[bundle]\ninclude = [\"mine/a/b\"]",
            vec!["`mine/a/b` is missing", &missing],
        ),
        (
            "[bundle]\ninclude = [\"links\"]",
            vec!["/links/a is a symbolic link", "hint: "],
        ),
        (
            "[bundle]\ninculde = []",
            vec!["flipless.toml:2:1: unknown field `inculde`"],
        ),
        (
            "[server]\nbin = \"sevrer\"",
            vec!["no binary `sevrer`", "hint: ", "server"],
        ),
        (
            "[server]\npackage = \"other\"",
            vec!["no package `other`", "hint: ", "flipless"],
        ),
    ] {
        bench.write("flipless.toml", settings, 0o644);
        let output = bench.dist(&[]);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{settings}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{settings}");
        for part in expected {
            assert!(
                stderr(&output).contains(part),
                "{settings}: {part}: {}",
                stderr(&output)
            );
        }
        assert!(
            bench.published().is_empty(),
            "{settings}: {:?}",
            bench.published()
        );
    }
}

#[test]
fn misuse_exits_with_2() {
    let bench = Bench::new();
    for words in [
        &["dist", "--arch", "mips"][..],
        &["dist", "--server", "/no/such/file"],
        &["dist", "--target", "x86_64-pc-windows-msvc"],
        &[
            "dist",
            "--arch",
            "aarch64",
            "--target",
            "x86_64-unknown-linux-gnu",
        ],
        &["dist", "--no-such-option"],
        &["check"],
        &["check", "/no/such.zip"],
        &["no-such-task"],
        &[],
    ] {
        let output = bench.xtask(words);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{words:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "", "{words:?}");
    }
}

/// A libc.so.6 of the future to link against; it only lends its symbol's version.
fn needs_glibc_2_99(bench: &Bench) -> PathBuf {
    let map = bench.write("map", "GLIBC_2.99 { future; };", 0o644);
    let script = format!("-Wl,--version-script={}", map.display());
    let words = ["-shared", "-fPIC", "-Wl,-soname,libc.so.6", &script];
    let libc = bench.compile("libc.so.6", "void future(void) {}", &words);
    let source = "void future(void); void _start(void) { future(); }";
    bench.compile("future", source, &[libc.to_str().unwrap()])
}

fn static_glibc(bench: &Bench) -> PathBuf {
    let source = bench.write("hello.rs", "fn main() { println!(\"hello\"); }", 0o644);
    let program = bench.path("static");
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["-Ctarget-feature=+crt-static", "-Cstrip=symbols", "-o"]);
    run(rustc.arg(&program).arg(source));
    program
}

/// e_machine is at byte 18 (elf(5)).
fn for_another_machine(bench: &Bench) -> PathBuf {
    let mut bytes = fs::read(bench.plain_server()).unwrap();
    bytes[18] = 183;
    let path = bench.path("aarch64");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_server_that_could_not_run_is_refused_and_the_old_zip_stays() {
    let bench = Bench::new();
    let zip = bench.zip(&["--server", bench.plain_server().to_str().unwrap()]);
    let (before, files) = (fs::read(&zip).unwrap(), bench.published());
    assert_eq!(files.len(), 3, "{files:?}");
    for (server, expected) in [
        (
            needs_glibc_2_99(&bench),
            vec!["bin/server needs GLIBC_2.99 (future)", "cargo-zigbuild"],
        ),
        (
            static_glibc(&bench),
            vec!["statically linked with glibc", "NSS", "musl"],
        ),
        (
            for_another_machine(&bench),
            vec!["bin/server is for aarch64", "x86_64"],
        ),
        (
            bench.write("script", "#!/bin/sh\n", 0o755),
            vec!["bin/server is not an ELF executable"],
        ),
        (
            bench.write("damaged", "\x7fELFxxxx", 0o755),
            vec!["bin/server", "damaged ELF"],
        ),
    ] {
        let output = bench.with_server(&server);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{expected:?}: {}",
            stderr(&output)
        );
        assert_eq!(stdout(&output), "");
        for part in expected {
            assert!(
                stderr(&output).contains(part),
                "{part}: {}",
                stderr(&output)
            );
        }
        assert!(before == fs::read(&zip).unwrap(), "the old zip was touched");
        assert_eq!(bench.published(), files, "nothing half-written");
    }
}
