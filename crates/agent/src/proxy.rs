//! The front: tests nginx's configuration before the flip, and starts or reloads the real nginx.

pub mod advice;
mod configuration;
mod fallback;
pub mod front;
mod glob;
mod good;
mod keepalive;
mod listeners;
mod listens;
mod loaded;
mod logs;
mod names;
mod nginx;
mod port;
mod probe;
mod processes;
mod program;
mod retry;
mod sandbox;
mod sockets;
pub mod staged;
pub mod succession;
mod syntax;
pub mod unit;

#[cfg(test)]
pub use nginx::TEST_UNITS;
