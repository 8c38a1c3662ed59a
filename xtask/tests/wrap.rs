//! `dist --plan --wrap`: the plans for bundles without flipless, and the messages for bundles that flipless can't
//! serve.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LINK: u32 = 0o120_777;
const SHELL: &str = "#!/bin/sh\nexec ./server\n";

/// A folder with a source bundle, `shop.zip`.
struct Source(tempfile::TempDir);

impl Source {
    /// A bundle with these files: name, text and mode.
    fn with(files: &[(&str, &str, u32)]) -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        let mut zip = ZipWriter::new(File::create(source.zip()).unwrap());
        for (name, text, mode) in files {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            if *mode == LINK {
                zip.add_symlink(*name, *text, options).unwrap();
                continue;
            }
            zip.start_file(*name, options).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        source
    }

    /// A bundle whose server is started by this line.
    fn started_by(command: &str, more: &[(&str, &str, u32)]) -> Self {
        let procfile = format!("web: {command}\n");
        Self::with(&[&[("Procfile", procfile.as_str(), 0o644)], more].concat())
    }

    fn zip(&self) -> PathBuf {
        self.0.path().join("shop.zip")
    }

    /// Writes the flipless.toml beside the zip.
    fn settings(self, text: &str) -> Self {
        fs::write(self.0.path().join("flipless.toml"), text).unwrap();
        self
    }

    fn plan(&self) -> Output {
        plan(&self.zip())
    }

    /// Returns the lines of the plan, and the messages.
    fn planned(&self) -> (Vec<String>, String) {
        let output = self.plan();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let lines = String::from_utf8(output.stdout).unwrap();
        (lines.lines().map(str::to_owned).collect(), said)
    }

    /// Asserts that `dist` refuses the bundle, and returns its messages.
    #[track_caller]
    fn refused(&self) -> String {
        let output = self.plan();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let planned = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{said}{planned}");
        assert!(output.stdout.is_empty());
        said
    }
}

fn plan(zip: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["dist", "--plan", "--wrap"])
        .arg(zip)
        .output()
        .unwrap()
}

#[test]
fn a_folder_of_hooks_may_be_a_link_to_another_one() {
    for (link, target) in [
        (".platform/confighooks", "hooks"),
        (".platform/confighooks/predeploy", "../hooks/predeploy"),
    ] {
        let hook = (".platform/hooks/predeploy/01.sh", "#!/bin/sh\n", 0o755);
        let server = ("server", "#!/bin/sh\n", 0o755);
        let source = Source::started_by("./server", &[server, hook, (link, target, LINK)]);
        let (lines, _) = source.planned();
        for name in ["01.sh  (from ", "~flipless-stage.sh  (rendered"] {
            let expected = format!("0755 .platform/confighooks/predeploy/{name}");
            let found = lines.iter().any(|line| line.starts_with(&expected));
            assert!(found, "{link}, {expected}: {lines:#?}");
        }
    }
}

#[test]
fn the_files_stay_and_the_files_of_flipless_are_added() {
    let source = Source::started_by(
        "./run.sh --quiet",
        &[
            ("run.sh", SHELL, 0o755),
            ("bin/mailer", "#!/bin/sh\n", 0o755),
            (".platform/hooks/predeploy/01.sh", "#!/bin/sh\n", 0o755),
            (".ebextensions/a.config", "{}\n", 0o600),
            ("public/ü.txt", "x", 0o640),
            ("public/media", "/mnt/efs", LINK),
            ("shared", "../shared", LINK),
            ("public/latest", "v2", LINK),
        ],
    );
    let (lines, said) = source.planned();
    for expected in [
        "0755 run.sh  (from ",
        "0755 bin/mailer  (from ",
        "0755 .platform/hooks/predeploy/01.sh  (from ",
        "0644 .ebextensions/a.config  (from ",
        "0644 public/ü.txt  (from ",
        "0777 public/media  (from ",
        "0777 shared  (from ",
        "0777 public/latest  (from ",
        "0755 bin/flipless-relay  (the relay)",
        "0755 .platform/hooks/predeploy/~flipless-stage.sh  (rendered",
        "0644 Procfile  (rendered",
    ] {
        let found = lines.iter().any(|line| line.starts_with(expected));
        assert!(found, "{expected}: {lines:#?}");
    }
    assert!(
        !lines.iter().any(|line| line.contains("(the server)")),
        "{lines:#?}"
    );
    assert!(said.contains("GET / with 200-499"), "{said}");
}

#[test]
fn the_health_check_of_the_options_is_used() {
    let options = "option_settings:\n  aws:elasticbeanstalk:environment:process:default:\n    HealthCheckPath: /up\n";
    let source = Source::started_by(
        "bin/x",
        &[
            ("bin/x", SHELL, 0o755),
            (".ebextensions/a.config", options, 0o644),
        ],
    );
    let (_, said) = source.planned();
    assert!(!said.contains("health check"), "{said}");
}

#[test]
fn the_platforms_default_program_needs_no_procfile() {
    for program in ["bin/application", "application"] {
        let source = Source::with(&[(program, SHELL, 0o755), ("a.txt", "", 0o644)]);
        let (lines, _) = source.planned();
        assert!(
            lines.iter().any(|line| line.starts_with("0644 Procfile")),
            "{lines:#?}"
        );
        // The server is the bundle's program, and not a program in PATH.
        let plain = Source::with(&[(program, SHELL, 0o644), ("a.txt", "", 0o644)]);
        let said = plain.refused();
        assert!(
            said.contains(&format!(
                "`web: ./{program}` starts {program}, which has no exec bit"
            )),
            "{said}"
        );
    }
}

#[test]
fn a_flipless_toml_beside_the_zip_is_obeyed() {
    let source = Source::started_by("./missing", &[("shop", SHELL, 0o755)]);
    assert!(source.refused().contains("missing"));
    let source = source
        .settings("[server]\ncommand = \"./shop\"\n[bundle]\ninclude = [\"flipless.toml\"]\n");
    let (lines, _) = source.planned();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("0644 flipless.toml")),
        "{lines:#?}"
    );
    let said = source.settings("[server]\nbin = \"shop\"\n").refused();
    assert!(
        said.contains("`[server] bin`") && said.contains("hint: "),
        "{said}"
    );
}

#[test]
fn a_bundle_that_can_not_be_served_is_refused_with_the_reason() {
    let shop = ("shop", SHELL, 0o755);
    for (source, expected) in [
        (
            Source::with(&[("app.py", "", 0o644)]),
            "no Procfile with a line `web: COMMAND`",
        ),
        (
            Source::with(&[("Procfile", "worker: ./shop\n", 0o644), shop]),
            "no Procfile with a line",
        ),
        (
            Source::with(&[("Procfile", "# web\nweb: ./shop\n", 0o644), shop]),
            "line 1, is not `NAME: COMMAND`",
        ),
        (
            Source::with(&[("Procfile", "\u{feff}web: ./shop\n", 0o644), shop]),
            "byte order mark",
        ),
        (Source::started_by("./shop", &[]), "which is not in"),
        (
            Source::started_by("/var/app/current/shop", &[]),
            "which is not in",
        ),
        (
            Source::started_by("./shop", &[("shop", SHELL, 0o644)]),
            "no exec bit",
        ),
        (
            Source::started_by("./shop", &[("shop", "#!/usr/bin/env -S node --x\n", 0o755)]),
            "a script for `node`",
        ),
        (
            Source::started_by("./shop", &[("shop", "#!/usr/bin/python3.12\n", 0o755)]),
            "`python3.12`",
        ),
        (
            Source::started_by("exec java -jar a.jar", &[]),
            "starts `java`, which EB's Go platform lacks",
        ),
        (
            Source::started_by("./shop", &[shop, ("bin/flipless", "", 0o755)]),
            "two files have the name `bin/flipless`",
        ),
        (
            Source::started_by("./shop", &[shop, ("flipless.json", "{}", 0o644)]),
            "a bundle of flipless already",
        ),
        (
            Source::started_by("./shop", &[shop, ("systemd/a.service", "", 0o644)]),
            "as a unit",
        ),
        (
            Source::started_by("./shop", &[("a/../../shop", SHELL, 0o755)]),
            "..",
        ),
        (
            Source::with(&[("app/Procfile", "web: x\n", 0o644)]),
            "run `zip` inside this folder",
        ),
    ] {
        let said = source.refused();
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(
            !said.contains("/tmp/.tmp") || said.contains("shop.zip"),
            "{said}"
        );
    }
}

#[test]
fn a_program_that_the_bundle_installs_is_a_warning() {
    let packages = "packages:\n  yum:\n    nodejs: []\n";
    let source = Source::started_by(
        "node server.js",
        &[(".ebextensions/n.config", packages, 0o644)],
    );
    let (_, said) = source.planned();
    assert!(
        said.contains("warning: ") && said.contains(".ebextensions/n.config has to install it"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_zip_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.zip");
    fs::write(&path, "no zip").unwrap();
    let output = plan(&path);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("shop.zip") && said.contains("zip"), "{said}");
}
