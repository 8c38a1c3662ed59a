//! A model of systemd and nginx, as far as the agent needs them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::rc::Rc;

use flipless_settings::layout;

use crate::instance::system::{Commands, Signal, System};

pub mod certificates;
mod front;
mod nginx;
pub mod processes;

/// What another program does at a certain moment.
type Happens = Box<dyn FnOnce()>;

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
    /// systemctl makes a link for each enabled unit, as systemd does. It does not sync the link.
    pub links_units: bool,
    /// The number of effects until the agent is killed; `None` if it is not killed.
    pub killed_after: Option<usize>,
    /// Calls after which no run serves, although a run served before.
    pub gaps: Vec<String>,
    /// Units whose stop was requested.
    pub stopping: BTreeSet<String>,
    /// The lines of every unit in the journal. By default they say that the server has panicked.
    pub journal: Option<String>,
    /// The sandbox of a run forbids memory that becomes executable.
    pub forbids_code: bool,
    /// Each run has a user of its own.
    pub own_user: bool,
    /// The `StatusText` of a run.
    pub says: String,
    /// The `Result` of a unit whose start fails. An empty text stands for `resources`, as if the unit's port were
    /// taken.
    pub start_result: String,
    /// Programs that are missing on the instance.
    pub missing: Vec<String>,
    /// The result of `get-config`: its success, its output and its error output.
    pub properties: Option<(bool, Vec<u8>, String)>,
    /// Every file or folder that was changed.
    pub changed: Vec<PathBuf>,
    /// The fault of the disk; `None` if the disk works.
    pub disk: Option<Disk>,
    /// How many seconds the wall clock is ahead.
    pub clock: i64,
    /// nginx refuses a configuration with a file of this name in `conf.d`.
    pub nginx_refuses_with: Option<String>,
    /// The next test of nginx is killed before nginx prints anything.
    pub test_is_killed: bool,
    /// EB's own test refuses a configuration with a file of this name in `conf.d`.
    pub eb_refuses_with: Option<String>,
    /// In the front's sandbox, nginx refuses a configuration with a file of this name in `conf.d`.
    pub sandbox_refuses_with: Option<String>,
    /// The `listen` directives of the only server; `None` for only the public port.
    pub listens: Option<String>,
    /// The front can't load a configuration with a file of this name in `conf.d`, although every test accepts it.
    pub front_fails_with: Option<String>,
    /// How often the front's master was killed; systemd started another one each time.
    pub kills: u32,
    /// The units in which nginx has run for tests.
    pub tests: Vec<String>,
    /// Whether web.service is the stand-in, by the unit files that systemd has read last.
    pub web_is_stand_in: bool,
    /// How often EB's own nginx was reloaded.
    pub reloads_of_stock: u32,
    /// nginx has connections that do not end.
    pub front_lingers: bool,
    /// The kernel does not give the agent a descriptor of nginx.
    pub refuses_descriptors: bool,
    /// The front has processes and sockets. Its unit then calls the agent as the real one does.
    pub has_processes: bool,
    /// The uptime at which EB stopped the stand-in of nginx; 0 if EB has not done so in this boot.
    pub stand_in_stopped: u64,
    /// How many more times the agent sees the front's unit in a reload.
    pub looks_until_active: Cell<u32>,
    /// What happens while the master handles SIGHUP.
    pub at_hang_up: Option<Happens>,
    /// What happens before the agent changes the file of this name.
    pub at_change: Option<(&'static str, Happens)>,
    /// nginx refuses every configuration.
    pub nginx_refuses: bool,
    /// systemd has noticed that nginx has ended, but has not changed the unit's state yet.
    pub nginx_ends: bool,
    /// The arguments of every call of nginx.
    pub nginx_calls: Vec<String>,
    /// The runs do not end within the limit of the next stop.
    pub runs_linger: bool,
    /// Whether restorecon succeeds; `None` if the instance does not have it.
    pub restorecon_works: Option<bool>,
    /// The arguments of every call of restorecon.
    pub labelled: Vec<String>,
    /// The owner and the file's name in every call of chown.
    pub owners: Vec<String>,
    /// What `get-config` prints as the environment's proxy server; `None` for nginx.
    pub proxy_server: Option<&'static str>,
    /// The kernel refuses to change `oom_score_adj` of a process.
    pub cannot_set: bool,
}

/// A disk that fails. Files below `/run` are in memory.
pub struct Disk {
    /// The number of changes until the disk fails.
    pub healthy: usize,
    pub error: rustix::io::Errno,
    /// Whether changes below `/run` fail, too.
    pub everywhere: bool,
    /// Whether the disk has failed.
    pub failed: bool,
}

impl Disk {
    /// Returns the disk's error if this change fails.
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

/// The panic payload of a killed agent. The unwinding only closes files, as the kernel does for a killed process.
pub struct Killed;

#[derive(Clone)]
pub struct FakeCommands {
    pub model: Rc<RefCell<Model>>,
    pub root: PathBuf,
}

impl Commands for FakeCommands {
    fn run(&self, program: &str, arguments: &[&str]) -> io::Result<Output> {
        if let Some(output) = self.run_front(program, arguments) {
            return Ok(output);
        }
        let mut model = self.model.borrow_mut();
        if model.missing.iter().any(|missing| missing == program) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if program == "/usr/sbin/nginx" {
            model.nginx_calls.push(arguments.join(" "));
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
            ("/usr/sbin/nginx", ["-t", "-q", "-c", file]) => {
                model.tested_with(&self.root.join(&file[1..]), &self.root)
            }
            (program, arguments) if program.ends_with("/bin/flipless-certificates") => {
                model.certificates(arguments)
            }
            ("/usr/sbin/nginx", ["-s", "reload"]) => {
                model.reloads_of_stock += 1;
                answer(true, "", "")
            }
            ("/usr/sbin/nginx", _) => answer(true, "", ""),
            ("chown", ["-h", owner, path]) => {
                let name = path.rsplit('/').next().unwrap_or_default();
                model.owners.push(format!("{owner} {name}"));
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
            ("timeout", ["5", "journalctl", "--sync"]) => answer(true, "", ""),
            ("timeout", [.., "container", "-k", "proxy_server"]) => {
                answer(true, model.proxy_server.unwrap_or("nginx\n"), "")
            }
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
        if self.model.borrow().has_processes {
            self.signal_front(pid, signal);
        } else if signal == Signal::Kill {
            let mut model = self.model.borrow_mut();
            model.kills += 1;
            model.load_front(&self.root);
        }
        Ok(())
    }

    fn keep_descriptor(&self, _: u32, (pid, fd): (u32, i32), name: &str) -> io::Result<()> {
        let mut model = self.model.borrow_mut();
        if model.refuses_descriptors {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        model.calls.push(format!("keep {fd} of {pid}"));
        processes::keep(&self.root, (pid, fd), name);
        Ok(())
    }

    fn drop_descriptor(&self, _: u32, name: &str) -> io::Result<()> {
        let calls = &mut self.model.borrow_mut().calls;
        calls.push(format!("drop {name}"));
        processes::drop(&self.root, name);
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
        if let Some((_, happens)) = model.at_change.take_if(|(name, _)| path.ends_with(name)) {
            drop(model);
            happens();
            model = self.model.borrow_mut();
        }
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
                // Unlike `panic!`, this calls no panic hook, so nothing is printed.
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
            // timeout(1) exits with this status for a missing program.
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
            ["show", "--value", "--property", name, unit] => {
                answer(true, &self.property(unit, name, root), "")
            }
            ["show", "--property", names, units @ ..] => {
                let lines = |unit: &&str| {
                    let line = |name| format!("{name}={}\n", self.property(unit, name, root));
                    names.split(',').map(line).collect::<String>()
                };
                let blocks: Vec<_> = units.iter().map(lines).collect();
                answer(true, &blocks.join("\n"), "")
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

    /// Returns whether systemd has the unit. The unit of a run must have a file, or must not be inactive. Every other
    /// unit exists.
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
                    // With --no-block, systemctl does not report the failure.
                    let waits = !arguments.contains(&"--no-block");
                    return answer(!waits, "", if waits { "Job failed." } else { "" });
                }
                self.units.insert((*unit).into(), "active".into());
                if *unit == layout::FRONT {
                    self.load_front(root);
                }
            }
            // The front stops at once, unless it has connections that do not end.
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
                self.link_units(root);
            }
            ["disable", "--quiet", unit] => {
                self.enabled.remove(*unit);
                self.link_units(root);
            }
            ["reload", _] if self.cannot_load(root) => return answer(false, "", "Job failed."),
            ["reload", _] => self.load_front(root),
            _ => {}
        }
        answer(true, "", "")
    }

    fn link_units(&self, root: &Path) {
        if !self.links_units {
            return;
        }
        let folder = root.join(WANTS);
        std::fs::create_dir_all(&folder).unwrap();
        let linked = linked_units(root);
        for unit in self.enabled.difference(&linked) {
            let target = format!("/etc/systemd/system/{unit}");
            std::os::unix::fs::symlink(target, folder.join(unit)).unwrap();
        }
        for unit in linked.difference(&self.enabled) {
            std::fs::remove_file(folder.join(unit)).unwrap();
        }
    }

    /// Does what the agent does for the front's unit before nginx loads its configuration.
    fn load_front(&mut self, root: &Path) {
        let system = System::new(root, Box::new(Nothing));
        crate::proxy::succession::starting(&system);
    }

    fn property(&self, unit: &str, name: &str, root: &Path) -> String {
        let state = self.units.get(unit).map_or("inactive", String::as_str);
        match (unit, name) {
            (layout::NGINX, "Type") if has_drop_in(root, layout::NGINX) => "notify".into(),
            (layout::NGINX, "Type") => "forking".into(),
            (layout::FRONT, "ActiveState") if self.looks_until_active.get() > 0 => {
                self.looks_until_active
                    .set(self.looks_until_active.get() - 1);
                "reloading".into()
            }
            (_, "ActiveState") => state.into(),
            // systemd unloads a stopped unit that no loaded unit names, and so forgets this time. The timer names
            // nginx.service.
            (layout::NGINX, "InactiveEnterTimestampMonotonic") => {
                let is_loaded = self.units.contains_key(layout::LISTENERS_TIMER);
                (u64::from(is_loaded) * self.stand_in_stopped * 1_000_000).to_string()
            }
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
            (layout::FRONT, "MainPID") if self.nginx_ends => "0".into(),
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

/// The folder with a link for each enabled unit.
const WANTS: &str = "etc/systemd/system/multi-user.target.wants";

/// Returns the enabled units, as systemd finds them at a boot.
pub fn linked_units(root: &Path) -> BTreeSet<String> {
    let links = std::fs::read_dir(root.join(WANTS)).into_iter().flatten();
    links
        .map(|link| link.unwrap().file_name().into_string().unwrap())
        .collect()
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

/// Commands for a part of the agent that only uses files. Calls of nginx and systemctl succeed and do nothing.
struct Nothing;

impl Commands for Nothing {
    fn run(&self, program: &str, _: &[&str]) -> io::Result<Output> {
        match program {
            "/usr/sbin/nginx" | "systemctl" => Ok(answer(true, "", "")),
            other => panic!("{other} was run"),
        }
    }
    fn signal(&self, _: u32, _: Signal) -> io::Result<()> {
        panic!("a signal was sent")
    }
    fn keep_descriptor(&self, _: u32, _: (u32, i32), _: &str) -> io::Result<()> {
        panic!("a descriptor was kept")
    }
    fn drop_descriptor(&self, _: u32, _: &str) -> io::Result<()> {
        panic!("a descriptor was dropped")
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
