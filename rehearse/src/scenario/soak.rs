//! A soak: deployments in a row on one machine, under load, while processes are killed and engines die.
//!
//! All that happens is drawn from a seed before it begins ([`plan`]). EB's meaning of a deployment says which
//! version has to serve after each of them ([`ledger`]).

mod act;
mod counts;
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
mod resources;
mod session;
mod tally;
mod tell;
mod versions;

pub use play::{Soak, Soaked, soak};
