//! What is decided before anything runs: `flipless.toml`, the names on the instance, and the platform
//! tree that both give.
//!
//! [`Config`] is `flipless.toml` as its owner writes it. [`Settings`] is what the agent needs of it,
//! resolved; it lies in the bundle as one file. [`render`] makes the platform tree of `Config` and
//! `platform-templates/`: the root package's build script calls it, once.

#[cfg(feature = "generator")]
pub mod config;
pub mod layout;
pub mod nginx;
#[cfg(feature = "generator")]
pub mod render;
mod settings;
pub mod stock;
#[cfg(feature = "generator")]
pub mod templates;
pub mod unit_file;

#[cfg(feature = "generator")]
pub use config::{Config, ConfigError};
pub use settings::{App, Deploy, Front, FrontMode, Handover, Server, Settings};
