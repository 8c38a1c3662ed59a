//! `Track pids in healthd`: for every registered unit, EB reads a pid. A process with this pid must exist.

use std::fs;

use super::variants::ProxyPid;
use super::{Engine, EngineError, Step};
use crate::machine::{Command, Instance};

const TRIES: u32 = 6;

impl<I: Instance> Engine<I> {
    pub(super) fn track_pids(&mut self) -> Step {
        self.info("This is an enhanced health env...")?;
        let mut units = self.members("aws-eb.target")?;
        units.extend(self.members("eb-app.target")?);
        units.iter().try_for_each(|unit| self.track(unit))
    }

    fn track(&mut self, unit: &str) -> Step {
        let mut reason = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                std::thread::sleep(self.pause);
            }
            match self.live_pid(unit)? {
                Ok(_) => return Ok(()),
                Err(found) => reason = found,
            }
        }
        Err(EngineError::Untracked {
            process: unit.to_owned(),
            tries: TRIES,
            reason,
        })
    }

    /// Returns the pid of `unit` if its process lives, and otherwise the reason why the pid is wrong.
    fn live_pid(&self, unit: &str) -> Result<Result<u32, String>, EngineError> {
        let name = unit.trim_end_matches(".service");
        let (source, text) = match (name, self.variants.proxy_pid) {
            ("nginx", ProxyPid::Run) => self.read_pid_file("/run/nginx.pid"),
            ("nginx", ProxyPid::MainPid) | ("cfn-hup" | "healthd", _) => self.main_pid(unit)?,
            _ => self.read_pid_file(&format!("/var/pids/{name}.pid")),
        };
        let pid: u32 = match text.trim().parse() {
            Ok(pid) => pid,
            Err(_) => return Ok(Err(format!("{source} contains {text:?}"))),
        };
        let alive = pid > 0 && self.path("/proc").join(pid.to_string()).exists();
        Ok(if alive {
            Ok(pid)
        } else {
            Err(format!("{source} is {pid}, but there is no such process"))
        })
    }

    fn read_pid_file(&self, path: &str) -> (String, String) {
        let text = fs::read_to_string(self.path(path)).unwrap_or_else(|error| error.to_string());
        (path.to_owned(), text)
    }

    fn main_pid(&self, unit: &str) -> Result<(String, String), EngineError> {
        let command = Command::new(["systemctl", "show", "--value", "-p", "MainPID", unit]);
        let output = self
            .instance
            .run(&command)
            .map_err(|error| EngineError::Instance(unit.into(), error))?;
        Ok((format!("MainPID of {unit}"), output.stdout))
    }
}
