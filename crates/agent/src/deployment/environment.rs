//! The environment properties: collects them from EB, and writes them for systemd.

mod file;
mod gather;

pub use file::to_file;
pub use gather::gather;

#[cfg(test)]
mod tests;
