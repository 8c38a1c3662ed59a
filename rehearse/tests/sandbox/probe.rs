//! A bundle with a server that runs shell lines.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Stdio};
use std::sync::OnceLock;

use rehearse::engine::Properties;
use rehearse::image::Suite;
use rehearse::machine::{Command, Instance};
use serde_json::Value;

use crate::rig::Rig;

/// The server of the bundle, and the programs beside it.
const SERVER: &str = "server";
const PROGRAMS: [&str; 2] = ["calls", "postgres"];

/// An instance on which this server runs.
pub struct Probe {
    pub rig: Rig,
    folder: tempfile::TempDir,
    deployments: u32,
}

impl Probe {
    pub fn boot(suite: Suite) -> Self {
        let rig = Rig::bare(suite);
        let folder = rig.engine.instance().root().join("srv/probe");
        fs::create_dir(&folder).unwrap();
        for name in PROGRAMS {
            fs::copy(programs().join(name), folder.join(name)).unwrap();
        }
        Self {
            rig,
            folder: tempfile::tempdir().unwrap(),
            deployments: 0,
        }
    }

    /// Builds a bundle with these lines in `[server]`, and deploys it. Returns what EB's console shows of a
    /// failure.
    pub fn deploy(&mut self, server: &str) -> Result<(), String> {
        let folder = self.folder.path().join(self.deployments.to_string());
        let bundle = bundle(&folder, server);
        let engine = &mut self.rig.engine;
        let done = match self.deployments {
            0 => engine.create_environment(&bundle, Properties::new()),
            _ => engine.deploy(&bundle),
        };
        self.deployments += 1;
        let log = engine.deployment_log();
        done.outcome
            .map_err(|_| self.rig.say(&format!("cat {log}")))?;
        self.rig.wait_until_serving();
        Ok(())
    }

    /// Returns the output of a line that the server runs in its sandbox.
    pub fn inside(&self, line: &str) -> String {
        let line = format!("bash 2>&1 <<'PROBE'\n{line}\nPROBE\n");
        let path = line.bytes().fold("/".to_owned(), |mut path, byte| {
            let _ = write!(path, "{byte:02x}");
            path
        });
        self.rig.body(&path).trim().to_owned()
    }

    /// Returns the output of a line that a process of `webapp` runs without a sandbox.
    pub fn outside(&self, line: &str) -> String {
        let line = format!("exec 2>&1; {line}");
        let command = Command::new([
            "systemd-run",
            "--quiet",
            "--pipe",
            "--wait",
            "--property=User=webapp",
            "--property=WorkingDirectory=/srv",
            "bash",
            "-c",
            &line,
        ]);
        let output = self.rig.engine.instance().run(&command).unwrap();
        output.text()
    }
}

/// The folder with the compiled programs. They are compiled once.
pub fn programs() -> &'static Path {
    static COMPILED: OnceLock<PathBuf> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox");
        fs::create_dir_all(&folder).unwrap();
        for name in [SERVER, PROGRAMS[0], PROGRAMS[1]] {
            compile(name, &folder.join(name));
        }
        folder
    })
}

fn compile(name: &str, program: &Path) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sandbox");
    let mut compiler = process::Command::new("cc");
    compiler.args(["-O1", "-o"]).arg(program);
    let status = compiler.arg(source.join(format!("{name}.c"))).status();
    assert!(
        status
            .expect("cc is needed: `apt-get install gcc`")
            .success()
    );
}

/// Builds a bundle of the server and the programs, as a user would whose server is not written in Rust.
fn bundle(folder: &Path, server: &str) -> PathBuf {
    fs::create_dir(folder).unwrap();
    for name in PROGRAMS {
        fs::copy(programs().join(name), folder.join(name)).unwrap();
    }
    let includes = PROGRAMS.map(|name| format!("{{ from = {name:?}, to = \"probe/{name}\" }}"));
    let config = folder.join("flipless.toml");
    let text = format!(
        "[server]\nhandover = \"port\"\nwatchdog-seconds = 0\n{server}\n[bundle]\ninclude = [{}]\n",
        includes.join(", ")
    );
    fs::write(&config, text).unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut dist = process::Command::new(cargo);
    dist.args(["run", "--quiet", "--package", "xtask", "--manifest-path"])
        .arg(workspace)
        .args(["--", "dist", "--json", "--config"])
        .arg(config)
        .arg("--server")
        .arg(programs().join(SERVER))
        .arg("--out")
        .arg(folder);
    let output = dist.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["zip"].as_str().unwrap().into()
}
