//! The real nginx: its configuration before and after the flip, its start and its reload.

pub mod advice;
pub mod front;
mod listens;
mod loaded;
mod nginx;
mod port;
mod probe;
mod processes;
mod retry;
mod sandbox;
pub mod staged;
mod syntax;
