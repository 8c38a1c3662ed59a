//! The real nginx: its configuration before and after the flip, its start and its reload.

pub mod front;
mod loaded;
mod nginx;
mod processes;
mod retry;
pub mod staged;
