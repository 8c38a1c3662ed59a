//! `container_commands`: in the staged bundle, with the environment of hooks, before them.

use super::{Engine, Step, environment};
use crate::machine::Instance;

use super::paths::STAGING;

impl<I: Instance> Engine<I> {
    pub(super) fn run_container_commands(&mut self) -> Step {
        // Put back whatever happens: a configuration deployment needs it again.
        let variables = environment::of_hooks(&self.variables());
        let extensions = std::mem::take(&mut self.extensions);
        let mut commands = extensions
            .files
            .iter()
            .flat_map(|(_, file)| &file.container_commands);
        let outcome = commands.try_for_each(|(name, entry)| {
            self.run_extension(name, entry, STAGING, variables.clone())
        });
        self.extensions = extensions;
        outcome
    }
}
