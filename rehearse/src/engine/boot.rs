//! EB's work after a reboot of the instance.

use flipless_settings::layout;

use super::Engine;
use super::deployment::{Deployment, Kind};
use super::variants::AtBoot;
use crate::machine::{Instance, Machine, MachineError};

impl<I: Instance> Engine<I> {
    pub(super) fn boot(&mut self) -> Deployment {
        let at_boot = self.variants.at_boot;
        self.execute(Kind::Boot, |engine| {
            if at_boot == AtBoot::Deploys {
                return engine.run_deployment("hooks");
            }
            if at_boot == AtBoot::StartsProxy {
                engine.instruction("start proxy", |engine| engine.start_process(layout::NGINX))?;
            }
            engine.instruction("Track pids in healthd", Self::track_pids)
        })
    }
}

impl Engine<Machine> {
    /// Reboots the instance. Then does the work that EB does after a boot, and returns the result.
    ///
    /// # Errors
    /// If the machine does not boot.
    pub fn reboot(&mut self) -> Result<Deployment, MachineError> {
        self.instance.reboot()?;
        Ok(self.boot())
    }
}
