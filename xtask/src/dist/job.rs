//! One build with cargo. cargo's messages contain the path of the executable.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Package};

use super::cargo_config::CargoConfig;
use super::dependencies::{self, Tree};
use super::flags;
use super::target::Target;
use super::toolchain::{self, Builder, Linker};
use crate::workspace::Workspace;
use crate::{tools, ui};

/// An executable.
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// The crates of the executable; `None` for a prebuilt executable.
    pub tree: Option<Tree>,
}

impl Program {
    /// An executable that another tool has built.
    pub fn prebuilt(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tree: None,
        }
    }
}

/// One build with cargo.
pub struct Job<'a> {
    pub workspace: &'a Workspace,
    pub package: &'a Package,
    pub bin: &'a str,
    pub features: Vec<String>,
    pub options: &'a [&'a str],
    pub target: Target,
    pub builder: Builder,
    pub config: CargoConfig,
    pub flags: Vec<String>,
}

/// Builds the executable, and returns it.
///
/// # Errors
/// If the package has no such binary, or if the build fails. cargo has then printed the reason.
pub fn run(job: &Job) -> Result<Program> {
    let package = job.package;
    check_binary(package, job.bin)?;
    let mut executable = None;
    let status = messages(&mut command(job)?, |message| match message {
        Message::CompilerArtifact(artifact)
            if artifact.package_id == package.id
                && artifact.target.is_bin()
                && artifact.target.name == job.bin =>
        {
            executable = artifact.executable.map(Into::into);
        }
        _ => {}
    })?;
    if !status.success() {
        bail!("cargo could not build `{}` ({status})", job.bin);
    }
    let path = executable.with_context(|| format!("cargo reports no executable `{}`", job.bin))?;
    let tree = Some(tree(job)?);
    Ok(Program { path, tree })
}

fn check_binary(package: &Package, bin: &str) -> Result<()> {
    let bins = package.targets.iter().filter(|target| target.is_bin());
    let names: Vec<_> = bins.map(|target| target.name.as_str()).collect();
    if names.contains(&bin) {
        return Ok(());
    }
    Err(ui::advised(
        format!("the package `{}` has no binary `{bin}`", package.name),
        [format!(
            "set `[server] bin` in flipless.toml to one of: {}",
            names.join(", ")
        )],
    ))
}

/// Runs cargo, and calls `each` with each of its messages.
///
/// # Errors
/// If cargo can't be started, or its messages can't be read.
pub fn messages(cargo: &mut Command, mut each: impl FnMut(Message)) -> Result<ExitStatus> {
    let mut child = cargo
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    for message in Message::parse_stream(BufReader::new(stdout)) {
        each(message.context("cannot read cargo's messages")?);
    }
    Ok(child.wait()?)
}

fn command(job: &Job) -> Result<Command> {
    let mut cargo = tools::cargo();
    let triple = job.target.triple();
    match &job.builder {
        Builder::Cargo(linker) => {
            cargo.args(["build", "--target", triple]);
            if let Linker::Named(linker) = linker {
                cargo.env(toolchain::linker_variable(job.target), linker);
            }
        }
        Builder::Zig => {
            cargo
                .args(["zigbuild", "--target"])
                .arg(OsString::from(format!("{triple}.2.34")));
        }
    }
    cargo
        .args(["--bin", job.bin])
        .args(job.options)
        .arg("--message-format=json-render-diagnostics");
    choose(&mut cargo, job)?;
    Ok(cargo)
}

/// Adds the arguments that determine the dependencies. It also adds the compiler flags, because a flag may set a `cfg`
/// that selects a dependency.
fn choose(cargo: &mut Command, job: &Job) -> Result<()> {
    cargo
        .args(["--package", job.package.name.as_str()])
        .args(&job.features);
    job.workspace.select(cargo);
    flags::add(cargo, &job.config, job.target, &job.flags)
}

fn tree(job: &Job) -> Result<Tree> {
    let mut cargo = tools::cargo();
    cargo.args(["tree", "--target", job.target.triple()]);
    choose(&mut cargo, job)?;
    if !job.workspace.locked {
        cargo.arg("--locked");
    }
    dependencies::of(&mut cargo, &job.workspace.root().join("Cargo.lock"))
}
