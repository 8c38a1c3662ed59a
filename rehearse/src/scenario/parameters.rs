//! What a rehearsal was asked for.

use std::path::PathBuf;

use crate::engine::Variants;
use crate::image::Image;

/// What all scenarios of a rehearsal share.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// What the instance is booted from.
    pub image: Image,
    /// Where machines are made.
    pub machines: PathBuf,
    /// Where bundles are made.
    pub bundles: PathBuf,
    /// The bundle that runs first.
    pub from: PathBuf,
    /// The bundle that is deployed.
    pub to: PathBuf,
    /// New connections a second.
    pub rate: u32,
    /// How the engine behaves.
    pub variants: Variants,
}
