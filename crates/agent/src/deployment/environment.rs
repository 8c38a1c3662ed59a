//! The environment properties: collects them from EB, writes them for systemd, and compares them with EB's own
//! file.

mod ambient;
mod compare;
mod file;
mod gather;
mod known;
mod reader;
mod refresh;

pub use compare::check;
pub use file::{Environment, to_file};
pub use gather::gather;
pub use known::{last_of_eb, remember};
pub use refresh::refreshed;

#[cfg(test)]
mod tests;
