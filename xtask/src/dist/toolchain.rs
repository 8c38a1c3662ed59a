//! Chooses the toolchain for a target. If something is missing, the error says how to install it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cargo_config::CargoConfig;
use super::target::Target;
use crate::arch::Arch;
use crate::{tools, ui};

/// How a target is built.
#[derive(Debug, PartialEq, Eq)]
pub enum Builder {
    /// Plain cargo.
    Cargo(Linker),
    /// cargo-zigbuild, which can build against an older glibc and for other processors.
    Zig,
}

/// The linker of a build.
#[derive(Debug, PartialEq, Eq)]
pub enum Linker {
    /// The linker of the host.
    Host,
    /// The linker in cargo's configuration. cargo finds this linker itself.
    Configured(PathBuf),
    /// A program on PATH, or a linker that rustc contains.
    Named(&'static str),
}

/// Whether a standard library for `target` is installed. The function uses no network and installs nothing.
pub fn has_std(target: Target) -> bool {
    libdir(target).is_ok_and(|folder| holds_std(&folder))
}

/// The folder in which rustc looks for the standard library. The folder may not exist.
fn libdir(target: Target) -> Result<PathBuf> {
    let triple = target.triple();
    let question = ["--print", "target-libdir", "--target", triple];
    let answer = tools::output(tools::rustc().args(question));
    let context =
        || format!("cannot get the folder of the standard library for {triple} from rustc");
    answer.map(PathBuf::from).with_context(context)
}

fn holds_std(libdir: &Path) -> bool {
    let Ok(files) = libdir.read_dir() else {
        return false;
    };
    let names = files.flatten().map(|file| file.file_name());
    names
        .into_iter()
        .any(|name| name.to_string_lossy().starts_with("libstd-"))
}

/// Chooses the builder.
///
/// # Errors
/// If the standard library or a linker is missing. The hints say how to install the missing part.
pub fn builder(target: Target, config: &CargoConfig) -> Result<Builder> {
    let libdir = libdir(target)?;
    if !holds_std(&libdir) {
        return Err(std_missing(target, &libdir));
    }
    if target.is_gnu() && zig_is_there() {
        return Ok(Builder::Zig);
    }
    plain(target, config)
}

/// Returns plain cargo, even if zig is installed. This is for static programs, because zig can't link statically with
/// glibc.
///
/// # Errors
/// If no linker is installed.
pub fn plain(target: Target, config: &CargoConfig) -> Result<Builder> {
    Ok(Builder::Cargo(linker(target, config)?))
}

/// Whether cargo-zigbuild and zig are installed. cargo-zigbuild finds zig on PATH, or as a Python module.
fn zig_is_there() -> bool {
    let module =
        |python: &str| tools::succeeds(tools::command(python).args(["-m", "ziglang", "version"]));
    tools::on_path("cargo-zigbuild").is_some()
        && (tools::on_path("zig").is_some() || module("python3") || module("python"))
}

fn linker(target: Target, config: &CargoConfig) -> Result<Linker> {
    if let Some(configured) = config.linker(target)? {
        return Ok(Linker::Configured(configured));
    }
    if cfg!(target_os = "linux") && std::env::consts::ARCH == target.arch().name() {
        return Ok(Linker::Host);
    }
    let linker = match target {
        // Rust's standard library for musl contains C's start files, so rustc's own linker is sufficient.
        Target::X86Musl | Target::ArmMusl => return Ok(Linker::Named("rust-lld")),
        Target::X86Gnu => "x86_64-linux-gnu-gcc",
        Target::ArmGnu => "aarch64-linux-gnu-gcc",
    };
    if tools::on_path(linker).is_some() {
        return Ok(Linker::Named(linker));
    }
    let (package, debian) = match target.arch() {
        Arch::X86_64 => ("x86-64", "amd64"),
        Arch::Aarch64 => ("aarch64", "arm64"),
    };
    let path = tools::variable("PATH").unwrap_or_default();
    Err(ui::advised(
        format!(
            "no linker for {}: no `{linker}` in PATH ({})",
            target.triple(),
            path.display()
        ),
        [
            format!("Debian: apt-get install gcc-{package}-linux-gnu libc6-dev-{debian}-cross"),
            "anywhere: pip install ziglang cargo-zigbuild".into(),
            format!("another linker: set {}", linker_variable(target)),
        ],
    ))
}

/// The environment variable that sets the linker of a target for cargo.
pub fn linker_variable(target: Target) -> String {
    let name = target.triple().replace('-', "_").to_uppercase();
    format!("CARGO_TARGET_{name}_LINKER")
}

fn std_missing(target: Target, libdir: &Path) -> anyhow::Error {
    let triple = target.triple();
    let debian = match target.arch() {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    };
    let mut hints = vec![format!("with rustup: `rustup target add {triple}`")];
    hints.push(match target.is_gnu() {
        // Debian stable has two rustc packages: its own, and a newer one for web browsers.
        true => format!(
            "on Debian, with the package rustc-web: dpkg --add-architecture {debian} && apt-get update && \
             apt-get install libstd-rust-web-dev:{debian}"
        ),
        false => "Debian has no package for musl".into(),
    });
    ui::advised(
        format!(
            "Rust has no standard library for {triple}; looked in {}",
            libdir.display()
        ),
        hints,
    )
}
