//! An instance for tests: its files are in a temporary folder, and a small model replaces systemd and nginx.
#![allow(clippy::unwrap_used)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flipless_settings::{FrontMode, Settings, layout};

use crate::instance::system::System;

pub mod file_system;
pub mod front;
mod model;
pub mod power;

pub use model::{Disk, Model, certificates, linked_units, processes};
use model::{FakeCommands, Killed};

/// The instance and its model.
pub struct Instance {
    pub system: System,
    pub model: Rc<RefCell<Model>>,
    root: PathBuf,
    /// Removes the root when it is dropped.
    _folder: Option<tempfile::TempDir>,
}

/// The name of the bundle's server in `bin/`.
pub const SERVER_BIN: &str = "server";
/// Seconds until the dead man's switch discards a staged run.
pub const DEAD_MAN_SECONDS: u64 = 900;
/// The folder in which tests unpack their bundle.
pub const BUNDLE: &str = "/var/app/staging";

thread_local! {
    /// The front mode of new instances.
    static MODE: Cell<FrontMode> = const { Cell::new(FrontMode::Nginx) };
}

/// Runs a test once in nginx mode and once in direct mode.
pub fn in_each_mode(test: impl Fn()) {
    for mode in [FrontMode::Nginx, FrontMode::Direct] {
        println!("front mode {mode}");
        MODE.set(mode);
        test();
    }
    MODE.set(FrontMode::Nginx);
}

/// Returns whether new instances have a front.
pub fn has_front() -> bool {
    MODE.get() == FrontMode::Nginx
}

/// Returns the distance between two crash points that a test tries. Most of the agent's work is the same in both modes,
/// so in direct mode a test tries only every fourth crash point.
pub fn step() -> usize {
    if has_front() { 1 } else { 4 }
}

/// The file with the instance's id on the Nitro system.
const IDENTITY: &str = "/sys/devices/virtual/dmi/id/board_asset_tag";

impl Instance {
    /// Returns a new instance with an unpacked bundle, and without environment properties.
    pub fn new() -> Self {
        // The folder is in memory if possible, because every test syncs files often.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.unwrap();
        let mut instance = Self::on(folder.path().to_owned());
        instance._folder = Some(folder);
        instance
    }

    /// Returns an instance like that of [`Self::new`], with its files below `root`.
    pub fn on(root: PathBuf) -> Self {
        let instance = Self::booting(root);
        instance.unpack();
        instance
    }

    /// Returns an instance whose files are already below `root`. Writes only the files that every EB instance has.
    pub fn booting(root: PathBuf) -> Self {
        let model = Rc::new(RefCell::new(Model {
            boot: "one".into(),
            ..Model::default()
        }));
        let commands = FakeCommands {
            model: model.clone(),
            root: root.clone(),
        };
        let system = System::new(&root, Box::new(commands));
        let users = format!(
            "root:x:0:0::/root:/bin/sh\n{}:x:900:900::/:/bin/false\n",
            crate::instance::user::NAME
        );
        system
            .write("/etc/passwd", users.as_bytes(), 0o644)
            .unwrap();
        let groups = format!("root:x:0:\n{}:x:900:\n", crate::instance::user::NAME);
        system
            .write("/etc/group", groups.as_bytes(), 0o644)
            .unwrap();
        system
            .write(crate::instance::paths::GET_CONFIG, b"", 0o755)
            .unwrap();
        system
            .write("/etc/nginx/nginx.conf", b"one", 0o644)
            .unwrap();
        Self {
            system,
            model,
            root,
            _folder: None,
        }
    }

    /// Unpacks the bundle as EB does.
    fn unpack(&self) {
        let mode = MODE.get();
        let socket = match mode {
            FrontMode::Direct => b"[Socket]\nListenStream=0.0.0.0:80\n".as_slice(),
            _ => b"[Socket]\nListenStream=127.0.0.1:5000\n",
        };
        self.system
            .write(format!("{BUNDLE}/bin/{SERVER_BIN}"), b"v1", 0o755)
            .unwrap();
        for (unit, content) in [
            (layout::APP_SOCKET, socket),
            (layout::APP_TEMPLATE, b"[Service]\nExecStart=v1\n"),
            (layout::DEADMAN, b"[Service]\n"),
            (layout::IDENTITY, b"[Service]\n"),
        ] {
            self.system
                .write(format!("{BUNDLE}/systemd/{unit}"), content, 0o644)
                .unwrap();
        }
        let stand_ins: &[&str] = match mode {
            FrontMode::Nginx => &[layout::NGINX, layout::WEB],
            _ => &[layout::WEB],
        };
        for unit in stand_ins {
            let path = format!("{BUNDLE}/systemd/{unit}.d/{}", layout::DROP_IN);
            self.system.write(path, b"[Service]\n", 0o644).unwrap();
        }
        let mut settings = Settings::default();
        settings.front.mode = mode;
        let settings = settings.to_json().unwrap();
        let path = format!("{BUNDLE}/{}", layout::SETTINGS_FILE);
        self.system.write(path, settings.as_bytes(), 0o644).unwrap();
    }

    /// Unpacks another version, whose server has this content.
    pub fn new_version(&self, content: &str) {
        if !self.system.exists(format!("{BUNDLE}/systemd")) {
            self.unpack();
        }
        let path = format!("{BUNDLE}/bin/{SERVER_BIN}");
        self.system.write(path, content.as_bytes(), 0o755).unwrap();
    }

    pub fn bundle(&self) -> &Path {
        Path::new(BUNDLE)
    }

    /// Replaces `/var/app/current` as EB's flip does. Copies the bundle instead of renaming its folder, because tests
    /// unpack the next version over this folder.
    pub fn flip(&self) {
        let system = &self.system;
        system.remove(crate::instance::paths::FLIPPED).unwrap();
        system
            .copy_tree(BUNDLE, crate::instance::paths::FLIPPED, None)
            .unwrap();
        let agent = crate::instance::paths::FLIPPED_AGENT;
        system.write(agent, b"the agent", 0o755).unwrap();
    }

    /// Makes a unit active without the agent.
    pub fn make_active(&self, name: &str) {
        let unit = (name.to_owned(), "active".to_owned());
        self.model.borrow_mut().units.extend([unit]);
    }

    /// Returns whether one of EB's units has the drop-in of flipless on the disk.
    pub fn has_drop_in(&self, unit: &str) -> bool {
        model::has_drop_in(&self.root, unit)
    }

    /// Returns the ActiveState of a unit.
    pub fn unit(&self, name: &str) -> String {
        self.model
            .borrow()
            .units
            .get(name)
            .cloned()
            .unwrap_or("inactive".into())
    }

    /// Runs `command`, and kills the agent at its crash point number `point`. Returns `None` if the command has
    /// ended before that point.
    pub fn kill_at(
        &self,
        point: usize,
        command: impl FnOnce(&System) -> anyhow::Result<()>,
    ) -> Option<()> {
        self.model.borrow_mut().killed_after = Some(point);
        let run = std::panic::AssertUnwindSafe(|| command(&self.system));
        let ended = std::panic::catch_unwind(run);
        self.model.borrow_mut().killed_after = None;
        match ended {
            Ok(result) => {
                result.unwrap();
                None
            }
            Err(payload) if payload.is::<Killed>() => Some(()),
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Gives the instance this id.
    pub fn identify_as(&self, id: &str) {
        self.system.write(IDENTITY, id.as_bytes(), 0o444).unwrap();
    }

    /// Reboots: clears `/run`, ends all processes, and starts the enabled units.
    pub fn reboot(&self) {
        self.shut_down();
        if self.model.borrow().enabled.contains(layout::IDENTITY) {
            let identify = crate::commands::Command::Identify;
            crate::commands::execute(&identify, &self.system).unwrap();
        }
        self.start_enabled();
    }

    /// Clears `/run` and ends all processes.
    pub fn shut_down(&self) {
        for folder in ["/run/flipless", "/run/systemd"] {
            self.system.remove(folder).unwrap();
        }
        let mut model = self.model.borrow_mut();
        model.units.clear();
        model.uptime = 0;
        model.boot += "+";
    }

    /// Starts the enabled units, as at a boot.
    pub fn start_enabled(&self) {
        let units = self.system.names(crate::instance::paths::UNITS).unwrap();
        let mut model = self.model.borrow_mut();
        if !units.iter().any(|unit| unit.starts_with("flipless-")) {
            // The agent disables only units that have a file, and some files are missing in the test's bundle. So the
            // model disables all units once no unit file of flipless is left.
            model.enabled.clear();
        }
        // The units have `ConditionPathExists=!` with this file.
        let may_start = !self.system.exists(layout::FROM_IMAGE);
        let boots = model.enabled.iter().filter(|_| may_start).cloned();
        let boots: Vec<String> = boots.filter(|unit| unit != layout::IDENTITY).collect();
        for unit in &boots {
            model.units.insert(unit.clone(), "active".into());
        }
        drop(model);
        if boots.iter().any(|unit| unit == layout::GATE) {
            // Without a current run the gate fails, and systemd starts it again.
            let _ = crate::commands::execute(&crate::commands::Command::Activate, &self.system);
        }
        // EB has enabled web.service in its flip, so it starts at the boot, too.
        for command in [
            crate::commands::Command::WebStarting,
            crate::commands::Command::WebStarted,
        ] {
            if self.has_drop_in(layout::WEB) {
                crate::commands::execute(&command, &self.system).unwrap();
            }
        }
    }

    /// Ends the drain of old runs.
    pub fn let_drain(&self) {
        let mut model = self.model.borrow_mut();
        model.units.retain(|_, state| state != "deactivating");
    }

    /// Returns the runs that serve.
    pub fn serving(&self) -> Vec<String> {
        self.model.borrow().serving(&self.root)
    }

    /// Returns the arguments of the calls of nginx since the last call of this function.
    pub fn take_nginx_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.model.borrow_mut().nginx_calls)
    }

    /// Returns the calls since the last call of this function, without those that only read.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.model.borrow_mut().calls)
    }

    /// Returns every file below the root with its content, for a comparison.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let files = walkdir::WalkDir::new(&self.root)
            .into_iter()
            .map(Result::unwrap);
        files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| {
                (
                    entry.path().display().to_string(),
                    std::fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }
}
