//! A model of systemd and nginx, as far as the agent needs them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::rc::Rc;

use flipless_settings::layout;

use crate::instance::system::{Commands, Signal, System};

mod nginx;

/// The state of the model. Tests set some of its fields.
#[derive(Default)]
pub struct Model {
    /// Units that are not inactive, with their ActiveState.
    pub units: BTreeMap<String, String>,
    /// Every systemctl call that has changed something.
    pub calls: Vec<String>,
    /// The start of a unit fails if its name contains one of these texts.
    pub failing: Vec<String>,
    pub uptime: u64,
    pub boot: String,
    pub restarts_of_web: u32,
    pub enabled: BTreeSet<String>,
    /// The number of effects until the agent is killed; `None` if it is not killed.
    pub killed_after: Option<usize>,
    /// Calls that have left no serving run, although one served before.
    pub gaps: Vec<String>,
    /// Units whose stop was requested.
    pub stopping: BTreeSet<String>,
    /// The lines of every unit in the journal. By default the server has panicked.
    pub journal: Option<String>,
    /// The sandbox of a run forbids memory that becomes executable.
    pub forbids_code: bool,
    /// Each run has a user of its own.
    pub own_user: bool,
    /// The `StatusText` of a run.
    pub says: String,
    /// The `Result` of a unit whose start fails. If it is empty, the unit's port is taken.
    pub start_result: String,
    /// Programs that are missing on the instance.
    pub missing: Vec<String>,
    /// The result of `get-config`: its success, its output and its error output.
    pub properties: Option<(bool, Vec<u8>, String)>,
    /// Every file or folder that was changed.
    pub changed: Vec<PathBuf>,
    /// What is wrong with the disk; `None`: nothing.
    pub disk: Option<Disk>,
    /// By how many seconds the wall clock is ahead.
    pub clock: i64,
    /// nginx refuses a configuration with a file of this name in `conf.d`.
    pub nginx_refuses_with: Option<String>,
    /// The next test of nginx is killed before nginx prints anything.
    pub test_is_killed: bool,
    /// EB's own test refuses that configuration.
    pub eb_refuses_with: Option<String>,
    /// nginx refuses that configuration in the front's sandbox.
    pub sandbox_refuses_with: Option<String>,
    /// The `listen` directives of the only server; `None` for only the public port.
    pub listens: Option<String>,
    /// The front can't load a configuration with a file of this name in `conf.d`, although every test accepts it.
    pub front_fails_with: Option<String>,
    /// How often the front's master was killed; systemd started another one each time.
    pub kills: u32,
    /// The units in which nginx has run for tests.
    pub tests: Vec<String>,
    /// Whether web.service is the stand-in in the units that systemd has read.
    pub web_is_stand_in: bool,
    /// How often EB's own nginx was reloaded.
    pub reloads_of_stock: u32,
    /// nginx has connections that do not end.
    pub front_lingers: bool,
    /// systemd takes descriptors.
    pub keeps_descriptors: bool,
    /// nginx refuses every configuration.
    pub nginx_refuses: bool,
    /// The runs do not end within the limit of the next stop.
    pub runs_linger: bool,
    /// Whether restorecon succeeds; `None` if the instance does not have it.
    pub restorecon_works: Option<bool>,
    /// The arguments of every call of restorecon.
    pub labelled: Vec<String>,
    /// The owner in every call of chown.
    pub owners: Vec<String>,
    /// The kernel refuses to change the score of a process.
    pub cannot_set: bool,
}

/// A disk that fails. Files below `/run` are in memory.
pub struct Disk {
    /// The number of changes until the disk fails.
    pub healthy: usize,
    pub error: rustix::io::Errno,
    /// Whether memory fails, too.
    pub everywhere: bool,
    /// Whether the disk has failed.
    pub failed: bool,
}

impl Disk {
    /// Decides whether a change fails.
    fn fault(&mut self, effect: &str, path: &Path) -> io::Result<()> {
        // A full disk still allows removals: unlink(2) does not return ENOSPC.
        let frees = effect == "remove" && self.error == rustix::io::Errno::NOSPC;
        if frees || path.starts_with("/run") && !self.everywhere {
            return Ok(());
        }
        if self.healthy > 0 {
            self.healthy -= 1;
            return Ok(());
        }
        self.failed = true;
        Err(self.error.into())
    }
}

/// The panic payload of a killed agent. Unwinding runs no clean-up except the kernel's.
pub struct Killed;

pub struct FakeCommands {
    pub model: Rc<RefCell<Model>>,
    pub root: PathBuf,
}

impl Commands for FakeCommands {
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        let mut model = self.model.borrow_mut();
        if model.missing.iter().any(|missing| missing == program) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(match (program, arguments) {
            ("systemctl", arguments) => model.systemctl(arguments, &self.root),
            ("journalctl", _) => {
                let lines = model.journal.as_deref();
                answer(true, lines.unwrap_or("panicked at line 1"), "")
            }
            ("/usr/sbin/nginx", ["-v"]) => answer(true, "", "nginx version: nginx/1.28.0"),
            ("/usr/sbin/nginx", _) if model.nginx_refuses => {
                answer(false, "", "unexpected \"}\" in nginx.conf:3")
            }
            ("systemd-run", [.., "systemctl", "start", unit]) => {
                model.calls.push(format!("start {unit} soon"));
                model.units.insert((*unit).into(), "active".into());
                answer(true, "", "")
            }
            ("/usr/sbin/nginx", ["-t", "-q"]) if model.refuses(&self.root) => {
                answer(false, "", "unexpected \"}\" in bad.conf:1")
            }
            ("/usr/sbin/nginx", ["-s", "reload"]) => {
                model.reloads_of_stock += 1;
                answer(true, "", "")
            }
            ("/usr/sbin/nginx", _) => answer(true, "", ""),
            ("chmod", _) => answer(true, "", ""),
            ("chown", [.., owner, _]) => {
                model.owners.push((*owner).to_owned());
                answer(true, "", "")
            }
            ("restorecon", paths) => match model.restorecon_works {
                None => return Err(io::ErrorKind::NotFound.into()),
                Some(works) => {
                    model.labelled.push(paths.join(" "));
                    answer(works, "", "invalid context")
                }
            },
            ("timeout", [.., program, "environment"]) => model.get_config(program),
            ("timeout", [_, "systemctl", arguments @ ..]) => {
                match std::mem::take(&mut model.runs_linger) {
                    true => Output {
                        status: ExitStatus::from_raw(124 << 8),
                        ..answer(false, "", "")
                    },
                    false => model.systemctl(arguments, &self.root),
                }
            }
            other => panic!("unexpected call {other:?}"),
        })
    }

    fn signal(&self, pid: u32, signal: Signal) -> io::Result<()> {
        self.model
            .borrow_mut()
            .calls
            .push(format!("{signal:?} {pid}"));
        if signal == Signal::Kill {
            let mut model = self.model.borrow_mut();
            model.kills += 1;
            model.load_front(&self.root);
        }
        Ok(())
    }

    fn keep_descriptor(&self, pid: u32, descriptor: i32) -> io::Result<()> {
        let mut model = self.model.borrow_mut();
        if !model.keeps_descriptors {
            return Err(io::ErrorKind::Unsupported.into());
        }
        model.calls.push(format!("keep {descriptor} of {pid}"));
        Ok(())
    }

    fn drop_descriptors(&self) -> io::Result<()> {
        let mut model = self.model.borrow_mut();
        if !model.keeps_descriptors {
            return Err(io::ErrorKind::Unsupported.into());
        }
        model.calls.push("drop".into());
        Ok(())
    }

    fn boot_id(&self) -> io::Result<String> {
        Ok(self.model.borrow().boot.clone())
    }

    fn uptime(&self) -> u64 {
        self.model.borrow().uptime
    }

    fn unix_time(&self) -> u64 {
        let model = self.model.borrow();
        (1_800_000_000 + model.uptime).saturating_add_signed(model.clock)
    }

    fn executable(&self) -> io::Result<Vec<u8>> {
        Ok(b"the agent".into())
    }

    fn fault(&self, effect: &str, path: &Path) -> io::Result<()> {
        let mut model = self.model.borrow_mut();
        model.changed.push(path.to_owned());
        if effect == "set" && model.cannot_set {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        model
            .disk
            .as_mut()
            .map_or(Ok(()), |disk| disk.fault(effect, path))
    }

    fn crash_point(&self, _: &str) {
        let mut model = self.model.borrow_mut();
        match &mut model.killed_after {
            Some(0) => {
                drop(model);
                // Not `panic!`, so that no hook reports it.
                std::panic::resume_unwind(Box::new(Killed));
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

impl Model {
    fn get_config(&self, program: &str) -> Output {
        match self.properties.clone() {
            // As timeout(1) says it.
            _ if self.missing.iter().any(|missing| missing == program) => Output {
                status: ExitStatus::from_raw(127 << 8),
                ..answer(false, "", "No such file or directory")
            },
            None => answer(true, "{}", ""),
            Some((success, stdout, stderr)) => Output {
                stdout,
                ..answer(success, "", &stderr)
            },
        }
    }

    fn systemctl(&mut self, arguments: &[&str], root: &Path) -> Output {
        match arguments {
            ["show", "--value", "--property", "Type", "nginx.service"] => {
                let kind = match has_drop_in(root, "nginx.service") {
                    true => "notify",
                    false => "forking",
                };
                answer(true, kind, "")
            }
            ["show", "--value", "--property", name, unit] => {
                answer(true, &self.property(unit, name), "")
            }
            ["list-units", .., pattern] => answer(true, &self.list(pattern), ""),
            ["reset-failed", _] => answer(true, "", ""),
            ["start", unit] if unit.starts_with(crate::proxy::TEST_UNITS) => {
                self.tested(unit, root)
            }
            _ => {
                self.calls.push(arguments.join(" "));
                if matches!(arguments[0], "daemon-reload" | "enable" | "disable") {
                    self.web_is_stand_in = has_drop_in(root, "web.service");
                }
                let served = !self.serving(root).is_empty();
                let output = match arguments.last() {
                    Some(unit) if !self.knows(unit, root) => {
                        answer(false, "", &format!("Unit {unit} not loaded."))
                    }
                    _ => self.change(arguments, root),
                };
                if served && self.serving(root).is_empty() {
                    self.gaps.push(arguments.join(" "));
                }
                output
            }
        }
    }

    /// Returns whether a unit is known. The unit of a run needs a file, or has to be active. All other units are
    /// known.
    fn knows(&self, unit: &str, root: &Path) -> bool {
        let file = root.join("etc/systemd/system").join(unit);
        !unit.starts_with("flipless-app@") || file.exists() || self.units.contains_key(unit)
    }

    /// Returns the runs that accept connections: active and not held.
    pub fn serving(&self, root: &Path) -> Vec<String> {
        let is_held = |unit: &str| {
            let run = layout::run_of_unit(unit).unwrap_or_default();
            root.join(&layout::HELD[1..]).join(run).exists()
        };
        let active = self.units.iter().filter(|(unit, state)| {
            unit.starts_with("flipless-app@") && state.as_str() == "active" && !is_held(unit)
        });
        active.map(|(unit, _)| unit.clone()).collect()
    }

    fn change(&mut self, arguments: &[&str], root: &Path) -> Output {
        match arguments {
            ["start" | "restart", "--no-block", unit] | ["start" | "restart", unit] => {
                let refused = *unit == layout::FRONT && self.cannot_load(root);
                if refused || self.failing.iter().any(|failing| unit.contains(failing)) {
                    if unit.starts_with("flipless-app@") {
                        // Restart=always restarts the unit without end.
                        self.units.insert((*unit).into(), "activating".into());
                    }
                    // Without a wait there is nothing to tell yet.
                    let waits = !arguments.contains(&"--no-block");
                    return answer(!waits, "", if waits { "Job failed." } else { "" });
                }
                self.units.insert((*unit).into(), "active".into());
                if *unit == layout::FRONT {
                    self.load_front(root);
                }
            }
            // A stop of the front waits for its connections.
            ["stop", "--no-block", unit] if *unit != layout::FRONT || self.front_lingers => {
                self.units.insert((*unit).into(), "deactivating".into());
            }
            ["stop", units @ ..] | ["kill", _, units @ ..] => {
                for unit in units {
                    self.units.remove(*unit);
                }
            }
            ["enable", "--quiet", units @ ..] => {
                self.enabled
                    .extend(units.iter().map(|unit| (*unit).to_owned()));
            }
            ["disable", "--quiet", unit] => {
                self.enabled.remove(*unit);
            }
            ["reload", _] if self.cannot_load(root) => return answer(false, "", "Job failed."),
            ["reload", _] => self.load_front(root),
            _ => {}
        }
        answer(true, "", "")
    }

    /// Runs the commands of the front's unit around a start and a reload.
    fn load_front(&mut self, root: &Path) {
        let system = System::new(root, Box::new(Nothing));
        crate::proxy::succession::starting(&system).unwrap();
    }

    fn property(&self, unit: &str, name: &str) -> String {
        let state = self.units.get(unit).map_or("inactive", String::as_str);
        match (unit, name) {
            (_, "ActiveState") => state.into(),
            (_, "UnitFileState") if self.enabled.contains(unit) => "enabled".into(),
            (_, "Result") if self.failing.iter().any(|failing| unit.contains(failing)) => {
                match self.start_result.as_str() {
                    "" => "resources".into(),
                    other => other.into(),
                }
            }
            (_, "MemoryDenyWriteExecute") if self.forbids_code => "yes".into(),
            (_, "DynamicUser") if self.own_user => "yes".into(),
            (unit, "Job") if self.stopping.contains(unit) => "4711".into(),
            (unit, "StatusText") if unit.starts_with("flipless-app@") => self.says.clone(),
            ("nginx.service", "ExecStart") => format!("{{ path={} ; argv[]=x }}", layout::AGENT),
            ("web.service", "NRestarts") => self.restarts_of_web.to_string(),
            (layout::FRONT, "MainPID") => (77 + self.kills).to_string(),
            _ => String::new(),
        }
    }

    fn list(&self, pattern: &str) -> String {
        let prefix = pattern.split('*').next().unwrap();
        let living = self.units.keys().filter(|unit| unit.starts_with(prefix));
        living.fold(String::new(), |text, unit| {
            text + unit + " loaded active running x\n"
        })
    }
}

pub fn has_drop_in(root: &Path, unit: &str) -> bool {
    let file = format!("{unit}.d/{}", layout::DROP_IN);
    let mut places = [
        crate::instance::paths::RUNTIME_UNITS,
        crate::instance::paths::DROP_INS,
    ]
    .iter();
    places.any(|place| root.join(&place[1..]).join(&file).exists())
}

fn answer(success: bool, stdout: &str, stderr: &str) -> Output {
    let status = ExitStatus::from_raw(if success { 0 } else { 1 << 8 });
    Output {
        status,
        stdout: stdout.into(),
        stderr: stderr.into(),
    }
}

/// Commands for a part of the agent that only uses files.
struct Nothing;

impl Commands for Nothing {
    fn run(&self, program: &str, _: &[&str]) -> io::Result<Output> {
        match program {
            "/usr/sbin/nginx" => Ok(answer(true, "", "")),
            other => panic!("{other} was run"),
        }
    }
    fn signal(&self, _: u32, _: Signal) -> io::Result<()> {
        panic!("a signal was sent")
    }
    fn keep_descriptor(&self, _: u32, _: i32) -> io::Result<()> {
        panic!("a descriptor was kept")
    }
    fn drop_descriptors(&self) -> io::Result<()> {
        panic!("descriptors were dropped")
    }
    fn boot_id(&self) -> io::Result<String> {
        panic!("the boot was asked for")
    }
    fn uptime(&self) -> u64 {
        0
    }
    fn unix_time(&self) -> u64 {
        0
    }
}
