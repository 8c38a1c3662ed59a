//! Deploys a source bundle without flipless to a stock instance, as people do today. Then deploys the same bundle,
//! wrapped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flipless_settings::FrontMode;
use rehearse::bundle::{self, Changes};
use rehearse::engine::Properties;
use rehearse::image::Suite;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::booted;
use crate::rig::{Rig, lost};
use crate::update::{go_on, plan, running};

/// The start script compiles code at run time before the server serves, as a program of Node.js or Java does.
const RUN: &str = "#!/bin/sh\nluajit -e 'local s = 0; for i = 1, 1e6 do s = s + i % 7 end; print(s)' || exit\n\
                   exec ./shop\n";
const MAILER: &str = "#!/bin/sh\nexec sleep 1000\n";

/// Deploys the source bundle without flipless, and adopts the wrapped bundle. Asserts that a wrapped bundle that can't
/// start is refused, and that an update under load succeeds. Finally deploys the source bundle again.
pub fn is_deployed_without_a_failed_request() {
    let folder = tempfile::tempdir().unwrap();
    let source = source(folder.path());
    let mut rig = Rig::bare(Suite::Bookworm);
    let launched = rig.engine.create_environment(&source, Properties::new());
    launched.outcome.unwrap();

    let settings = folder.path().join("flipless.toml");
    fs::write(&settings, "[server]\njit = true\n").unwrap();
    let first = wrapped(&source, &folder.path().join("1"));
    rig.engine.deploy(&first).outcome.unwrap();
    rig.wait_until_serving();
    let before = rig.current();
    assert_eq!(rig.say("systemctl is-active mailer.service"), "active");
    let mailer = rig.say("systemctl show --value -p MainPID mailer.service");

    fs::write(&settings, "").unwrap();
    let forbidden = wrapped(&source, &folder.path().join("2"));
    rig.engine.deploy(&forbidden).outcome.unwrap_err();
    let said = rig.say(&format!("cat {}", rig.engine.deployment_log()));
    assert!(said.contains("jit = true"), "{said}");
    assert_eq!(rig.active_runs(), std::slice::from_ref(&before));

    let second = folder.path().join("3.zip");
    let files = [("REHEARSAL", "2", 0o644)];
    let changes = Changes {
        files: &files,
        ..Changes::default()
    };
    bundle::changed(&first, &second, &changes).unwrap();
    let load = running(&rig, plan(80));
    rig.engine.deploy(&second).outcome.unwrap();
    go_on(&load);
    let records = load.stop().unwrap();
    let lost = lost(&records);
    assert!(lost.is_empty(), "{lost:?} of {}", records.len());
    assert_ne!(rig.current(), before);
    let flipped = rig.say("systemctl show --value -p MainPID mailer.service");
    assert_ne!(
        flipped, mailer,
        "EB itself restarts a further process in the flip"
    );

    rig.engine.deploy(&source).outcome.unwrap();
    assert_eq!(rig.say("ls -d /opt/flipless 2>/dev/null"), "");
    assert_eq!(rig.body("/health"), "ok\n");
}

/// Wraps the source bundle, with the settings in the flipless.toml beside it.
fn wrapped(source: &Path, folder: &Path) -> PathBuf {
    bundle::wrap(source, folder).unwrap()
}

/// Makes a source bundle with the server of the example `own-port`, which only reads its port from a variable.
fn source(folder: &Path) -> PathBuf {
    let example = booted::relay_bundle(FrontMode::Nginx);
    let mut example = ZipArchive::new(File::open(example).unwrap()).unwrap();
    let mut server = Vec::new();
    example
        .by_name("bin/own-port")
        .unwrap()
        .read_to_end(&mut server)
        .unwrap();
    let path = folder.join("shop.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, content, mode) in [
        (
            "Procfile",
            &b"web: ./run.sh\nmailer: ./mailer.sh --queue high\n"[..],
            0o644,
        ),
        ("run.sh", RUN.as_bytes(), 0o755),
        ("mailer.sh", MAILER.as_bytes(), 0o755),
        ("shop", &server, 0o755),
    ] {
        let options = SimpleFileOptions::default().unix_permissions(mode);
        zip.start_file(name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    path
}
