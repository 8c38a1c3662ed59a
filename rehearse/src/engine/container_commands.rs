//! The section `container_commands`. EB runs these commands in the staged bundle before the predeploy hooks, with the
//! environment of the hooks.

use std::sync::Arc;

use super::paths::STAGING;
use super::{Engine, Step, environment};
use crate::machine::Instance;

impl<I: Instance> Engine<I> {
    pub(super) fn run_container_commands(&mut self) -> Step {
        let extensions = Arc::clone(&self.extensions);
        let files = extensions.files.iter();
        for (name, entry) in files.flat_map(|(_, file)| &file.container_commands) {
            // A command's own variables take precedence over the properties.
            let mut variables = self.variables();
            variables.extend(entry.env.clone());
            let variables = environment::of_hooks(&variables);
            self.run_extension(name, entry, STAGING, variables)?;
        }
        Ok(())
    }
}
