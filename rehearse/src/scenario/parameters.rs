//! The parameters of a rehearsal.

use std::path::PathBuf;

use crate::engine::Variants;
use crate::image::Image;
use crate::load::Manner;

/// The parameters that all scenarios of a rehearsal share.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// The image that the instance boots from.
    pub image: Image,
    /// The folder of the machines.
    pub machines: PathBuf,
    /// The folder of the changed bundles.
    pub bundles: PathBuf,
    /// The bundle that runs first.
    pub from: PathBuf,
    /// The bundle that is deployed.
    pub to: PathBuf,
    /// New connections per second.
    pub rate: u32,
    /// The headers of all clients, and the status that they expect.
    pub manner: Manner,
    /// The variant of the engine.
    pub variants: Variants,
    /// Patterns of hooks that the engine leaves out.
    pub skipped_hooks: Vec<String>,
}
