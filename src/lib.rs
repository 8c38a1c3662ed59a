//! The platform tree: everything of the bundle that is rendered from `flipless.toml` and
//! `platform-templates/`. The demonstration server is the program beside it (`main.rs`).

/// The folder into which the build script has rendered the tree.
#[cfg(feature = "platform")]
pub const PLATFORM: &str = concat!(env!("OUT_DIR"), "/platform");
