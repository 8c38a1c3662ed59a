//! A fake instance for tests.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::super::*;
use crate::machine::{Command, Output};

/// A fake instance: its units are active or not, and its files are in a folder.
pub(super) struct Fake {
    pub(super) folder: tempfile::TempDir,
    pub(super) active: RefCell<BTreeSet<String>>,
    pub(super) ran: RefCell<Vec<Command>>,
    pub(super) failing: Vec<String>,
    /// The output of a failing command.
    pub(super) said: String,
    /// Units that are not loaded.
    pub(super) unloaded: Vec<&'static str>,
    pub(super) files: Vec<(&'static str, &'static str, u32)>,
    /// Links of the bundle, with their targets.
    pub(super) links: Vec<(&'static str, &'static str)>,
    /// The lines in `not-run` after each hook. The placeholders that the hook calls write these lines.
    pub(super) not_run: &'static str,
}

impl Fake {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("run/nginx.pid", "1"),
            ("var/pids/web.pid", "2"),
            ("proc/1/x", ""),
            ("proc/2/x", ""),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let files = vec![
            ("Procfile", "web: ./app\n", 0o644),
            (".platform/hooks/predeploy/20-b.sh", "", 0o755),
            (".platform/hooks/predeploy/10-a.sh", "", 0o755),
            (".platform/hooks/postdeploy/c.sh", "", 0o755),
            (".platform/confighooks/predeploy/d.sh", "", 0o755),
        ];
        Self {
            folder,
            active: RefCell::default(),
            ran: RefCell::default(),
            failing: Vec::new(),
            said: "no".into(),
            unloaded: Vec::new(),
            files,
            links: Vec::new(),
            not_run: "",
        }
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.path().join(path).exists()
    }

    fn unzip(&self) {
        for (path, text, mode) in &self.files {
            let path = self.folder.path().join("var/app/staging").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        for (path, target) in &self.links {
            let path = self.folder.path().join("var/app/staging").join(path);
            std::os::unix::fs::symlink(target, path).unwrap();
        }
    }

    fn part_of(&self, unit: &str) -> &'static str {
        match unit {
            "nginx.service"
                if self.has("etc/systemd/system/nginx.service.d/elasticbeanstalk.conf") =>
            {
                "PartOf=aws-eb.target\n"
            }
            "web.service" if self.has("etc/systemd/system/web.service") => "PartOf=eb-app.target\n",
            _ => "PartOf=\n",
        }
    }

    fn answer(&self, words: &[&str]) -> (i32, &'static str) {
        let mut active = self.active.borrow_mut();
        match words {
            ["systemctl", "show", "-p", "PartOf", unit] => (0, self.part_of(unit)),
            ["systemctl", "show", "-p", "ConsistsOf", "aws-eb.target", ..] => {
                (0, "nginx.service\n")
            }
            ["systemctl", "show", "-p", "ConsistsOf", ..]
                if self.has("etc/systemd/system/web.service") =>
            {
                (0, "web.service\n")
            }
            ["systemctl", "is-active", unit] => (if active.contains(*unit) { 0 } else { 3 }, ""),
            ["systemctl", "start", unit] => {
                active.insert((*unit).to_owned());
                (0, "")
            }
            ["systemctl", "stop", unit] if self.unloaded.contains(unit) => {
                (5, "Failed to stop a unit: Unit not loaded.\n")
            }
            ["systemctl", "stop", "eb-app.target"] => {
                active.remove("web.service");
                (0, "")
            }
            ["systemctl", "stop", unit] => {
                active.remove(*unit);
                (0, "")
            }
            ["/usr/bin/unzip", ..] => {
                self.unzip();
                (0, "")
            }
            _ => (0, ""),
        }
    }
}

impl Instance for Fake {
    fn run(&self, command: &Command) -> io::Result<Output> {
        self.ran.borrow_mut().push(command.clone());
        if command.words[0].starts_with(".platform") && !self.not_run.is_empty() {
            let path = self
                .folder
                .path()
                .join("opt/elasticbeanstalk/model/not-run");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, self.not_run).unwrap();
        }
        let line = command.words.last().unwrap().clone();
        if self.failing.iter().any(|failing| line.contains(failing)) {
            return Ok(Output {
                status: 1,
                stdout: self.said.clone(),
                stderr: String::new(),
            });
        }
        let (status, stdout) = self.answer(&line.split_whitespace().collect::<Vec<_>>());
        Ok(Output {
            status,
            stdout: stdout.into(),
            stderr: String::new(),
        })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().to_owned()
    }
}

pub(super) fn engine(fake: Fake, variants: Variants) -> Engine<Fake> {
    let mut engine = Engine::new(fake, variants, Clock::start());
    engine.pause = Duration::ZERO;
    engine
}

/// A bundle for the engine on the host. The fake instance unpacks [`Fake::files`] instead.
pub(super) fn bundle() -> tempfile::NamedTempFile {
    bundle_with(&[])
}

/// A bundle with these entries.
pub(super) fn bundle_with(entries: &[(&str, &str)]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = zip::ZipWriter::new(file.reopen().unwrap());
    for (name, text) in entries {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap();
    file
}

pub(super) fn created(variants: Variants) -> Engine<Fake> {
    let mut engine = engine(Fake::new(), variants);
    engine
        .create_environment(bundle().path(), Properties::new())
        .outcome
        .unwrap();
    engine
}
