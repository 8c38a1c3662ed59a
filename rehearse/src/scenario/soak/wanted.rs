//! The inputs of a soak's plan.

use crate::engine::Variants;

/// The inputs of a plan.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The number of deployments.
    pub deployments: u32,
    /// The seed of the faults; `None` for a soak without faults.
    pub faults: Option<u64>,
    /// The engine's behaviour. If it is `None`, the seed of the faults selects the first behaviour, and every 25
    /// deployments the next one follows. A soak without faults then has the standard behaviour.
    pub variants: Option<Variants>,
    /// Whether the bundle has a front.
    pub has_front: bool,
    /// Whether an authority issues a certificate.
    pub has_authority: bool,
}
