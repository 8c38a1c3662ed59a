//! What is fuzzed: `xtask`'s own files, as `xtask` is a program and no library.
#![allow(dead_code)]

#[path = "../../xtask/src/check/mod.rs"]
pub mod check;
#[path = "../../src/layout.rs"]
mod layout;
#[path = "../../xtask/src/project.rs"]
mod project;
#[path = "../../src/settings/mod.rs"]
mod settings;
#[path = "../../xtask/src/tools.rs"]
mod tools;
#[path = "../../xtask/src/ui.rs"]
mod ui;

use check::bundle::Bundle;
use check::elf::Arch;
use check::{Check, Expected};

fn existing_file(path: &str) -> Result<std::path::PathBuf, String> {
    Ok(path.into())
}

/// All checks that run no other program; each must say what it found.
pub fn judge(bundle: &Bundle) -> Vec<Check> {
    let expected = Expected {
        arch: Some(Arch::X86_64),
        resolves_names: true,
    };
    let checks = check::without_programs(bundle, expected);
    assert!(checks.iter().all(|check| !check.detail.is_empty()));
    checks
}
