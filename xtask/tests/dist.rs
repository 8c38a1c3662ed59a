//! Two runs of `cargo xtask dist` at the same time.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A long time limit, because other tests build bundles, too.
const PATIENCE: Duration = Duration::from_secs(300);
const RENDERING: &str = "   Rendering the platform tree";
const BLOCKING: &str = "    Blocking waiting for another `cargo xtask dist`";

/// Writes a script that replaces cargo. Under this script, a build of a program waits until the file `go` exists or the
/// folder is removed, and then fails.
fn patient_cargo(folder: &Path) {
    let real = std::env::var_os("CARGO").unwrap_or(OsString::from("cargo"));
    let (real, shown) = (real.display(), folder.display());
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *build*--bin*)\n\
         while [ -d '{shown}' ] && [ ! -e '{shown}/go' ]; do sleep 0.02; done; exit 1;;\n\
         esac\nexec '{real}' \"$@\"\n"
    );
    let path = folder.join("cargo");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
}

/// One run of `dist`, and the lines of its standard error.
struct Dist(Child, Receiver<String>);

impl Dist {
    /// Starts `dist` with the target directory of the tests, in which the code that renders is compiled already.
    fn start(folder: &Path) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["dist", "--out"])
            .arg(folder.join("out"))
            .env("CARGO", folder.join("cargo"))
            .env("CARGO_TARGET_DIR", target)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, said) = channel();
        std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self(child, said)
    }

    /// Waits for the next line.
    #[track_caller]
    fn says(&self) -> String {
        self.1.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits for the next line. Skips the line with which `dist` reports that it waits.
    #[track_caller]
    fn then_says(&self) -> String {
        match self.says() {
            line if line == BLOCKING => self.says(),
            line => line,
        }
    }
}

impl Drop for Dist {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_second_dist_reports_that_it_waits_and_builds_after_the_first_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    patient_cargo(folder.path());
    let mut first = Dist::start(folder.path());
    // Another test may be building a bundle.
    assert_eq!(first.then_says(), RENDERING);
    let building = first.says();
    assert!(building.starts_with("    Building "), "{building}");
    let second = Dist::start(folder.path());
    assert_eq!(second.says(), BLOCKING);
    assert!(
        first.0.try_wait().unwrap().is_none(),
        "the first still builds"
    );
    fs::write(folder.path().join("go"), "").unwrap();
    assert_eq!(second.says(), RENDERING);
    assert_eq!(second.says(), building);
    assert_eq!(first.0.wait().unwrap().code(), Some(1));
    let last = first.says();
    assert!(last.starts_with("error: cargo could not build"), "{last}");
}
