//! The environment properties: gathered from EB, written for systemd.

mod file;
mod gather;

pub use file::to_file;
pub use gather::gather;

#[cfg(test)]
mod tests;
