//! The instance: its files, programs, systemd and units. The agent's effects go through [`system`].

pub mod acl;
pub mod digest;
pub mod get_config;
pub mod identity;
pub mod labels;
pub mod lock;
pub mod memory;
pub mod mirror;
pub mod output;
pub mod paths;
pub mod replaced;
pub mod system;
pub mod systemd;
pub mod units;
pub mod user;
pub mod wait;
