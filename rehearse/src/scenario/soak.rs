//! A soak: many deployments in a row on one machine and under load. During the deployments, the soak kills processes
//! and EB's engine, and renews the certificate.
//!
//! The plan is drawn from a seed before the soak begins ([`plan`]). The ledger records which version EB considers
//! deployed, and derives which version must serve after each step ([`ledger`]).

mod act;
mod counts;
mod failure;
mod fault;
mod judge;
mod killer;
mod ledger;
mod leftovers;
mod look;
mod perform;
mod plan;
mod play;
mod processes;
mod random;
mod renewal;
mod resources;
mod session;
mod tally;
mod tell;
mod versions;
mod wanted;

pub use play::{Soak, Soaked, soak};
