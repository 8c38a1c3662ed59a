//! The platform tree: the files of the bundle that the build script renders from `flipless.toml` and
//! `platform-templates/`. The demonstration server is this package's program (`main.rs`).

/// The folder into which the build script has rendered the tree.
#[cfg(feature = "platform")]
pub const PLATFORM: &str = concat!(env!("OUT_DIR"), "/platform");
