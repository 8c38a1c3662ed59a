//! `flipless.toml`, the names on the instance, and the rendering of the platform tree.
//!
//! [`Config`] is `flipless.toml` as its owner writes it. [`Settings`] is the part that the agent needs, with
//! every value resolved; the bundle contains it as one file. [`render`] makes the platform tree from `Config` and
//! `platform-templates/`. Only the root package's build script calls `render`, once per build.

pub mod checks;
#[cfg(feature = "generator")]
pub mod config;
#[cfg(feature = "ebextensions")]
pub mod ebextensions;
pub mod layout;
pub mod nginx;
pub mod placeholder;
pub mod procfile;
#[cfg(feature = "generator")]
pub mod render;
mod settings;
pub mod stock;
#[cfg(feature = "generator")]
pub mod templates;
pub mod unit_file;
pub mod writable;

#[cfg(feature = "generator")]
pub use config::{Config, ConfigError};
pub use settings::{App, Check, Deploy, Front, FrontMode, Handover, Https, Server, Settings};
