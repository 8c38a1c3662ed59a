#![allow(clippy::unwrap_used)]

mod bundle;
mod elf_files;
mod hostile;
mod mistakes;
mod mutated;
#[cfg(unix)]
mod programs;
