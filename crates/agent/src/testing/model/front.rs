//! The front's unit, with nginx's processes: systemd calls the agent before and after a start, and in a reload.

use std::process::Output;

use flipless_settings::layout;

use super::{FakeCommands, answer, processes};
use crate::instance::system::{Signal, System};
use crate::proxy::{front, succession};

impl FakeCommands {
    /// Runs a command that concerns the front. Returns `None` for any other command, and in a model without processes.
    pub(super) fn run_front(&self, program: &str, arguments: &[&str]) -> Option<Output> {
        if !self.model.borrow().has_processes {
            return None;
        }
        match (program, arguments) {
            ("/usr/sbin/nginx", ["-T", "-q"]) if !self.model.borrow().nginx_refuses => {
                let text = std::fs::read_to_string(self.root.join("etc/nginx/nginx.conf"));
                let text = text.unwrap_or_default();
                let dump = format!("# configuration file /etc/nginx/nginx.conf:\n{text}\n");
                Some(answer(true, &dump, ""))
            }
            ("systemctl", ["start", layout::FRONT]) => {
                let state = self.model.borrow().units.get(layout::FRONT).cloned();
                let started = state.is_some() || self.start_front();
                Some(answer(started, "", "Job failed."))
            }
            ("systemctl", ["reload", layout::FRONT]) => {
                let call = format!("reload {}", layout::FRONT);
                self.model.borrow_mut().calls.push(call);
                let reloaded = front::reload(&self.system());
                Some(answer(reloaded.is_ok(), "", "Job failed."))
            }
            _ => None,
        }
    }

    pub(super) fn signal_front(&self, pid: u32, signal: Signal) {
        match signal {
            Signal::Hangup => {
                processes::load(&self.root, pid, &processes::wanted(&self.root));
                let happens = self.model.borrow_mut().at_hang_up.take();
                happens.into_iter().for_each(|happens| happens());
            }
            Signal::Quit => processes::end(&self.root, pid),
            Signal::Kill => {
                processes::end(&self.root, pid);
                self.start_front();
            }
        }
    }

    /// Starts the front as systemd does, also after a crash. Returns whether nginx runs.
    pub fn start_front(&self) -> bool {
        let system = self.system();
        processes::add(&self.root, std::process::id(), 1, "flipless front-starting");
        succession::starting(&system);
        let kills = {
            let mut model = self.model.borrow_mut();
            model.kills += 1;
            model.kills
        };
        let master = 77 + kills;
        if !processes::start(&self.root, master, &processes::wanted(&self.root)) {
            processes::end(&self.root, master);
            self.model.borrow_mut().units.remove(layout::FRONT);
            return false;
        }
        let active = (layout::FRONT.to_owned(), "active".to_owned());
        self.model.borrow_mut().units.extend([active]);
        succession::started(&system, master).unwrap();
        true
    }

    fn system(&self) -> System {
        System::new(&self.root, Box::new(self.clone()))
    }
}
