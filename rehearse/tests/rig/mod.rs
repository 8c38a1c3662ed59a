//! A deployed instance for tests that cause faults.
#![allow(dead_code, reason = "each test file uses a part of this module")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use flipless_settings::{FrontMode, layout};
use rehearse::bundle::{self, Changes};
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, variants};
use rehearse::evidence;
use rehearse::image::Suite;
use rehearse::load::{self, Answer, Load, LoadError, Manner, Namespace, Plan};
use rehearse::machine::{Command, Instance, Machine, wait_for};
use rehearse::record::Record;
use serde_json::Value;

use crate::booted;

pub const PATIENCE: Duration = Duration::from_secs(60);
/// The time limit of the dead man's switch. It is the minimum that `flipless.toml` allows.
pub const DEAD_MAN_SECONDS: u32 = 60;

/// The instance, EB's engine on it, and the bundle from which versions are made.
pub struct Rig {
    pub engine: Engine<Machine>,
    clock: Clock,
    folder: tempfile::TempDir,
    bundle: PathBuf,
    versions: u32,
}

impl Rig {
    /// Boots an instance and launches the environment.
    pub fn launch(suite: Suite) -> Self {
        Self::launch_after(suite, |_| ())
    }

    /// Boots an instance, calls `prepare` on it, and launches the environment.
    pub fn launch_after(suite: Suite, prepare: impl FnOnce(&Machine)) -> Self {
        let machine = booted::boot(suite);
        prepare(&machine);
        let mut rig = Self::on(machine, FrontMode::Nginx);
        rig.create_environment();
        rig
    }

    /// Launches the environment with a version of the bundle.
    pub fn create_environment(&mut self) {
        let first = self.version(&[]);
        let launched = self.engine.create_environment(&first, Properties::new());
        launched.outcome.unwrap();
        self.wait_until_serving();
    }

    /// Boots an instance on which an application without flipless serves.
    pub fn launch_stock(suite: Suite) -> Self {
        Self::bare(suite).with_stock()
    }

    /// Does the same as [`Self::launch_stock`], for versions in direct mode. Calls `prepare` on the instance first.
    pub fn launch_stock_before_direct(suite: Suite, prepare: impl FnOnce(&Machine)) -> Self {
        let machine = booted::boot(suite);
        prepare(&machine);
        Self::on(machine, FrontMode::Direct).with_stock()
    }

    fn with_stock(mut self) -> Self {
        let stock = self.stock_bundle();
        let launched = self.engine.create_environment(&stock, Properties::new());
        launched.outcome.unwrap();
        self
    }

    /// Boots an instance that has no application yet.
    pub fn bare(suite: Suite) -> Self {
        Self::on(booted::boot(suite), FrontMode::Nginx)
    }

    fn on(machine: Machine, front: FrontMode) -> Self {
        Self::with(machine, bundle_with_short_limits(front))
    }

    /// Makes a rig for versions of `bundle`, on an instance that has no application yet.
    pub fn with(machine: Machine, bundle: PathBuf) -> Self {
        let clock = Clock::start();
        Self {
            engine: Engine::new(machine, variants::STANDARD, clock),
            clock,
            folder: tempfile::tempdir().unwrap(),
            bundle,
            versions: 0,
        }
    }

    /// Makes a new version of the bundle, with `files` added or replaced.
    pub fn version(&mut self, files: &[(&str, &str, u32)]) -> PathBuf {
        self.versions += 1;
        let number = format!("{:04}", self.versions);
        let path = self.folder.path().join(format!("{number}.zip"));
        let mut all = vec![("REHEARSAL", number.as_str(), 0o644)];
        all.extend(files);
        let changes = Changes {
            files: &all,
            ..Changes::default()
        };
        bundle::changed(&self.bundle, &path, &changes).unwrap();
        path
    }

    /// Deploys a new version, and asserts that the deployment succeeds.
    pub fn deploy(&mut self) {
        let bundle = self.version(&[]);
        self.engine.deploy(&bundle).outcome.unwrap();
        std::fs::remove_file(bundle).unwrap();
    }

    /// Deploys a version without flipless.
    pub fn deploy_stock(&mut self) {
        let bundle = self.stock_bundle();
        self.engine.deploy(&bundle).outcome.unwrap();
    }

    /// Makes the bundle of an application that answers with `release stock`.
    fn stock_bundle(&self) -> PathBuf {
        let stock = self.folder.path().join("stock.zip");
        bundle::stock_app(&stock, "stock").unwrap();
        stock
    }

    /// Starts clients of every kind.
    pub fn load(&self) -> Load {
        let load = self.load_of(Plan::default());
        load.wait_for(100, PATIENCE).unwrap();
        load
    }

    /// Starts the planned clients.
    pub fn load_of(&self, plan: Plan) -> Load {
        let namespace = Namespace::of(self.leader()).unwrap();
        let load = Load::start(plan, namespace, self.clock.zero()).unwrap();
        load.when_late(evidence::witness(self.engine.instance()));
        load
    }

    /// Runs a command on the instance, and returns its output.
    pub fn say(&self, line: &str) -> String {
        booted::say(self.engine.instance(), line).trim().to_owned()
    }

    /// Runs a command on the instance, and asserts that it succeeds.
    pub fn must(&self, line: &str) {
        let output = self.engine.instance().run(&Command::shell(line)).unwrap();
        assert!(output.succeeded(), "{line}: {}", output.text());
    }

    pub fn status(&self) -> Value {
        let output = self
            .engine
            .instance()
            .run(&Command::new([layout::AGENT, "status", "--json"]))
            .unwrap();
        assert!(output.succeeded(), "{}", output.text());
        serde_json::from_str(output.stdout.trim()).unwrap()
    }

    /// Returns the current run.
    pub fn current(&self) -> String {
        self.status()["current"]["run"].as_str().unwrap().to_owned()
    }

    /// Returns the release of the current run.
    pub fn release(&self) -> String {
        self.status()["current"]["release"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub fn is_active(&self, run: &str) -> bool {
        self.say(&format!("systemctl is-active {}", layout::app_unit(run))) == "active"
    }

    /// Returns the runs that are active or starting. Omits draining runs.
    pub fn active_runs(&self) -> Vec<String> {
        let units = self.say(&format!(
            "systemctl list-units --plain --no-legend --full --state=active,activating '{}'",
            layout::APP_UNITS
        ));
        let names = units
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        names
            .filter_map(|name| layout::run_of_unit(name).map(String::from))
            .collect()
    }

    /// Sends one request to a port of the instance.
    pub fn get(&self, port: u16, path: &str) -> Result<Answer, LoadError> {
        let namespace = Namespace::of(self.leader())?;
        let address = ([127, 0, 0, 1], port).into();
        let limit = Duration::from_secs(5);
        load::get(&namespace, address, path, &Manner::default(), limit)
    }

    /// Returns the body of the public port's answer; empty if there is none.
    pub fn body(&self, path: &str) -> String {
        let answer = self.get(80, path);
        answer.map_or_else(
            |_| String::new(),
            |answer| String::from_utf8_lossy(&answer.body).into_owned(),
        )
    }

    pub fn wait_until_serving(&self) {
        let answered = wait_for(PATIENCE, || {
            let answer = self.get(80, "/health").ok()?;
            (answer.status == 200).then_some(())
        });
        assert!(
            answered.is_some(),
            "{}",
            self.say("journalctl -n 40 --no-pager")
        );
    }

    /// Waits until only the current run is left. Asserts that no staged run, armed timer or half-written file
    /// is left.
    pub fn settle(&self) {
        let alone = wait_for(PATIENCE, || {
            let living =
                self.say("systemctl list-units --plain --no-legend 'flipless-app@*' | wc -l");
            (living == "1").then_some(())
        });
        assert!(
            alone.is_some(),
            "{}",
            self.say("systemctl list-units 'flipless-*'")
        );
        let status = self.status();
        assert!(status["staged"].is_null(), "{status}");
        assert_eq!(self.active_runs(), [self.current()]);
        assert_eq!(
            self.say("systemctl is-active flipless-deadman.timer"),
            "inactive"
        );
        let half = self.say("find /opt/flipless /var/lib/flipless /etc/systemd/system /usr/lib/systemd/system -name '*.new' -o -name '*.partial'");
        assert_eq!(half, "");
    }

    /// Counts everything that could accumulate over many deployments. Repeats this until two counts in a row are equal,
    /// because a timer may run a program during a count.
    pub fn inventory(&self) -> Vec<(&'static str, String)> {
        let mut last = self.count();
        let steady = wait_for(PATIENCE, || {
            let before = std::mem::replace(&mut last, self.count());
            (before == last).then_some(())
        });
        assert!(steady.is_some(), "{last:?}");
        last
    }

    fn count(&self) -> Vec<(&'static str, String)> {
        [
            "find /opt/flipless/releases -mindepth 1 -maxdepth 1 | wc -l",
            "find /opt/flipless/runs -mindepth 1 | wc -l",
            "ls /etc/systemd/system | grep -c flipless",
            "ls /run/systemd/system /run/flipless | wc -l",
            "find /run/flipless/ends -mindepth 1 | wc -l",
            "systemctl list-units --all --plain --no-legend 'flipless-*' | wc -l",
            "systemctl list-jobs --plain --no-legend | wc -l",
            "find /sys/fs/cgroup -name 'flipless-app@*' -path '*systemd*' | wc -l",
            // The shell runs `ps` before the rest of the line, so that the list does not contain `sort` and `wc`.
            "names=$(ps -e -o comm=); echo \"$names\" | sort -u | wc -l",
            "pgrep -c 'flipless|server|nginx'",
            "ls /proc/1/fd | wc -l",
        ]
        .map(|line| (line, self.say(line)))
        .into()
    }

    /// Returns the time on the clock of the records.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    pub fn leader(&self) -> u32 {
        let leader = self.engine.instance().leader().as_raw_nonzero().get();
        leader.unsigned_abs()
    }
}

/// Returns the project's bundle for a front mode, with a short time limit of the dead man's switch. The bundle is built
/// once.
pub fn bundle_with_short_limits(front: FrontMode) -> PathBuf {
    built_with(
        front,
        &format!("[deploy]\ndead-man-seconds = {DEAD_MAN_SECONDS}\n"),
    )
}

/// Returns the project's bundle with these settings. The bundle is built once.
pub fn built_with(front: FrontMode, settings: &str) -> PathBuf {
    static BUILT: Mutex<Vec<(FrontMode, String, PathBuf)>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap();
    let same = |(mode, text, _): &&(FrontMode, String, PathBuf)| {
        (*mode, text.as_str()) == (front, settings)
    };
    if let Some((.., path)) = built.iter().find(same) {
        return path.clone();
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        // Each test program has its own folder, because another one may build the same bundle at this moment.
        .join(concat!("with-settings-", env!("CARGO_CRATE_NAME")))
        .join(format!("{front}-{}", built.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("flipless.toml");
    std::fs::write(&file, settings).unwrap();
    let path = bundle::build(Some(front), Some(&file), &folder).unwrap();
    built.push((front, settings.to_owned(), path.clone()));
    path
}

/// Returns the records of failed requests.
pub fn lost(records: &[Record]) -> Vec<&Record> {
    records
        .iter()
        .filter(|record| record.outcome.failed())
        .collect()
}

pub fn assert_nothing_lost(records: &[Record]) {
    assert!(records.len() > 500, "too few requests: {}", records.len());
    let lost = lost(records);
    println!("{} requests, {} failed", records.len(), lost.len());
    assert!(lost.is_empty(), "{lost:?}");
}
