//! The flip of the application: EB stops and removes the old application, and puts the new one in its place.

use std::fs;

use super::paths::{CURRENT, STAGING};
use super::procfile::Process;
use super::variants::Polling;
use super::{Engine, EngineError, Step, environment};
use crate::machine::Instance;

impl<I: Instance> Engine<I> {
    pub(super) fn flip_application(&mut self) -> Step {
        self.write_environment()?;
        self.purge_old_processes()?;
        self.remove(CURRENT)?;
        let (from, to) = (self.path(STAGING), self.path(CURRENT));
        fs::rename(&from, &to).map_err(|error| EngineError::Instance(from, error))?;
        self.register_processes()
    }

    fn purge_old_processes(&mut self) -> Step {
        self.info("Purge old process...")?;
        self.command("systemctl stop eb-app.target")?;
        let polls = self.variants.polling != Polling::Never;
        for unit in self.members("eb-app.target")? {
            let file = format!("/etc/systemd/system/{unit}");
            self.deregister(&unit, &[&file], polls)?;
        }
        Ok(())
    }

    fn register_processes(&mut self) -> Step {
        self.info("Register application processes...")?;
        let processes = self.read_procfile(CURRENT)?;
        for process in &processes {
            self.register_process(process)?;
        }
        // `is-enabled` exits non-zero if the target is disabled, so the exit status does not count.
        self.ask("systemctl is-enabled eb-app.target")?;
        self.command("systemctl enable eb-app.target")?;
        self.command("systemctl start eb-app.target")?;
        for process in &processes {
            self.command(&format!("systemctl enable {}", process.unit()))?;
            self.start_process(&process.unit())?;
        }
        Ok(())
    }

    fn register_process(&mut self, process: &Process) -> Step {
        self.info(format_args!("Registering the proc: {}", process.name))?;
        let unit = process.unit();
        let file = format!("/etc/systemd/system/{unit}");
        if self.is_registered(&unit)? {
            self.deregister(&unit, &[&file], false)?;
        }
        self.write(&file, &process.render_unit())?;
        self.command("systemctl daemon-reload")?;
        self.command("systemctl reset-failed").map(drop)
    }

    /// Writes the file that `web.service` reads, with the present values of secrets.
    fn write_environment(&mut self) -> Step {
        self.info("fetching environment variables...")?;
        let mut variables = self.variables();
        variables.extend(self.withheld.clone());
        let has_extras = self.variants.env_file_has_extras;
        let content = environment::render_file(&variables, has_extras);
        self.write(environment::FILE, &content)
    }

    /// "Restart app server(s)": stops and starts the members of the target. This refreshes secrets, as AWS documents
    /// (<https://docs.aws.amazon.com/elasticbeanstalk/latest/dg/AWSHowTo.secrets.env-vars.html>).
    pub(super) fn restart_application(&mut self) -> Step {
        self.write_environment()?;
        self.command("systemctl stop eb-app.target")?;
        let members = self.members("eb-app.target")?;
        for unit in &members {
            if self.is_active(unit)? {
                self.stop_process(unit)?;
            }
        }
        self.command("systemctl start eb-app.target")?;
        for unit in &members {
            self.start_process(unit)?;
        }
        Ok(())
    }
}
