#![allow(clippy::unwrap_used)]

mod bombs;
mod bundle;
mod elf_files;
mod hooks;
mod hostile;
mod kinds;
mod libraries;
mod mistakes;
mod mutated;
mod nginx_files;
#[cfg(unix)]
mod programs;
mod public_cases;
