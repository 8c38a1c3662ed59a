//! The front: tests nginx's configuration before the flip, and starts or reloads the real nginx.

pub mod advice;
mod asked_for;
pub mod certificate;
mod configuration;
mod fallback;
mod file_cache;
mod flip;
pub mod front;
mod good;
pub mod https;
pub mod inherited;
mod keepalive;
mod listens;
mod loaded;
mod logs;
mod names;
mod nginx;
mod port;
mod postponed;
mod probe;
mod processes;
mod program;
mod public_port;
mod retry;
mod sandbox;
mod sockets;
pub mod staged;
mod store;
pub mod succession;
pub mod sync;
mod synced;
mod syntax;
mod times;
pub mod unit;
mod view;

#[cfg(test)]
pub use nginx::TEST_UNITS;
