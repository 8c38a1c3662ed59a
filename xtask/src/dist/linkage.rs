//! How the agent is linked: statically wherever that can be, so that its stand-ins stay small.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::cargo_config::CargoConfig;
use super::target::Target;
use super::toolchain::{self, Builder, Linker};
use crate::tools;

/// What a build of the agent needs.
pub struct Linkage {
    /// It needs no loader.
    pub is_static: bool,
    /// Who builds it.
    pub builder: Builder,
    /// For rustc.
    pub flags: &'static [&'static str],
}

const STATIC: &[&str] = &["-Ctarget-feature=+crt-static", "-Crelocation-model=static"];

/// The agent's target for a server's, and how it is linked.
///
/// # Errors
/// When a standard library or a linker is missing.
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
    // A static executable needs no version of glibc: zig, which has no static one, is not asked.
    if let Ok(builder) = toolchain::plain(gnu, config)
        && toolchain::has_std(gnu)
        && has_static_glibc(&builder)
    {
        return Ok((gnu, of(builder, true)));
    }
    Ok((gnu, of(toolchain::builder(gnu, config)?, false)))
}

/// gcc answers with a path only if it has the file.
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
