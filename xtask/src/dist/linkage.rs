//! Chooses how the agent is linked. A static agent is preferred, so that the stand-ins need little memory.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo_config::CargoConfig;
use super::target::Target;
use super::toolchain::{self, Builder, Linker};
use crate::tools;

/// The way to link the agent.
pub struct Linkage {
    /// Whether the agent is static and needs no dynamic linker.
    pub is_static: bool,
    /// The builder.
    pub builder: Builder,
    /// Flags for rustc.
    pub flags: &'static [&'static str],
}

const STATIC: &[&str] = &["-Ctarget-feature=+crt-static", "-Crelocation-model=static"];

/// Returns the agent's target for the server's target, and the way to link the agent.
///
/// # Errors
/// If a standard library or a linker is missing.
pub fn of_agent(server: Target, config: &CargoConfig) -> Result<(Target, Linkage)> {
    let of = |builder, is_static| Linkage {
        is_static,
        builder,
        flags: if is_static { STATIC } else { &[] },
    };
    let musl = Target::musl(server.arch());
    if toolchain::has_std(musl) {
        return Ok((musl, of(toolchain::builder(musl, config)?, true)));
    }
    let gnu = Target::gnu(server.arch());
    // This build does not use zig. A static executable does not depend on the instance's version of glibc, and zig has
    // no static glibc.
    if let Ok(builder) = toolchain::plain(gnu, config)
        && toolchain::has_std(gnu)
        && has_static_glibc(&builder)
    {
        return Ok((gnu, of(builder, true)));
    }
    Ok((gnu, of(toolchain::builder(gnu, config)?, false)))
}

/// Whether the builder's compiler has a static glibc. gcc prints an absolute path only if the file exists.
fn has_static_glibc(builder: &Builder) -> bool {
    let Builder::Cargo(linker) = builder else {
        return false;
    };
    let mut compiler = match linker {
        Linker::Host => tools::command("cc"),
        Linker::Configured(path) => Command::new(path),
        Linker::Named(name) => tools::command(name),
    };
    let answer = tools::output(compiler.arg("-print-file-name=libc.a"));
    answer.is_ok_and(|path| PathBuf::from(path).is_absolute())
}
