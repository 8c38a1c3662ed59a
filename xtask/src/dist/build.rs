//! Runs cargo. Where the executables are is what cargo says, never a guess.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Package};
use flipless_settings::layout;

use super::cargo_config::Config;
use super::dependencies::{self, Tree};
use super::flags;
use super::linkage;
use super::target::{self, Builder, Linker, Target};
use crate::project::{Project, Workspace};
use crate::{tools, ui};

/// An executable.
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// The crates that it is made of; `None` for one that something else has built.
    pub tree: Option<Tree>,
}

impl Program {
    /// One that something else has built.
    pub fn prebuilt(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tree: None,
        }
    }
}

/// One run of cargo.
struct Job<'a> {
    workspace: &'a Workspace,
    package: &'a Package,
    bin: &'a str,
    features: Vec<String>,
    options: &'a [&'a str],
    target: Target,
    builder: Builder,
    config: Config,
    flags: Vec<String>,
}

/// Builds the server that the settings name.
///
/// # Errors
/// When it can't be built; cargo has said why.
pub fn server(project: &Project, target: Target) -> Result<Program> {
    let server = &project.config.server;
    ui::status(
        "Building",
        format!("{} for {}", server.bin, target.triple()),
    );
    // Somebody else's lock file is theirs to change.
    let options: &[&str] = match project.server_is_elsewhere() {
        true => &["--release", "--locked"],
        false => &["--release"],
    };
    let config = Config::load(&project.server().config_folder()?)?;
    let job = Job {
        workspace: project.server(),
        package: project.server_package()?,
        bin: server.bin.as_str(),
        features: features_of_server(project.server_package()?),
        options,
        target,
        builder: target::builder(target, &config)?,
        config,
        flags: flags::remap(project)?,
    };
    run(&job)
}

/// Builds the relay, for a server that listens on a port of its own.
///
/// # Errors
/// When it can't be built; cargo has said why.
pub fn relay(project: &Project, target: Target) -> Result<Program> {
    let what = format!("{}, the relay, for {}", layout::RELAY, target.triple());
    ui::status("Building", what);
    let config = Config::load(&project.own().config_folder()?)?;
    let job = Job {
        workspace: project.own(),
        package: project.own().package("flipless-relay")?,
        bin: layout::RELAY,
        features: Vec::new(),
        options: &["--release"],
        target,
        builder: target::builder(target, &config)?,
        config,
        flags: flags::remap(project)?,
    };
    run(&job)
}

/// Builds the agent: static if it can be. It resolves no name, so glibc may be static, too.
///
/// # Errors
/// When it can't be built; cargo has said why.
pub fn agent(project: &Project, server: Target) -> Result<Program> {
    let config = Config::load(&project.own().config_folder()?)?;
    let (target, linkage) = linkage::of_agent(server, &config)?;
    let how = if linkage.is_static {
        "static"
    } else {
        "dynamic"
    };
    ui::status(
        "Building",
        format!("flipless, the agent, for {} ({how})", target.triple()),
    );
    if !linkage.is_static {
        ui::warning("the stand-ins will use about 0.6 MiB more memory each: no static C library");
        ui::hint(format!(
            "rustup target add {}, or install Debian's libc6-dev, Fedora's glibc-static",
            Target::musl(server.arch()).triple()
        ));
    }
    let mut flags = flags::remap(project)?;
    flags.extend(linkage.flags.iter().map(|flag| flag.to_string()));
    let builder = linkage.builder;
    let job = Job {
        workspace: project.own(),
        package: project.own().package("flipless-agent")?,
        bin: layout::AGENT_BIN,
        features: Vec::new(),
        options: &["--profile", "agent"],
        target,
        builder,
        config,
        flags,
    };
    run(&job)
}

/// The feature of the root package that renders the platform tree.
const PLATFORM: &str = "platform";

/// Renders the platform tree, and returns its folder. This compiles no program: a changed setting or template
/// changes this tree alone.
///
/// # Errors
/// When a setting or a template is wrong; the build script has said where.
pub fn platform(project: &Project) -> Result<PathBuf> {
    ui::status("Rendering", "the platform tree");
    let package = project.generator()?;
    let mut cargo = tools::cargo();
    cargo
        .args(["build", "--quiet", "--lib", "--no-default-features"])
        .args(["--features", PLATFORM, "--package", package.name.as_str()])
        .arg("--manifest-path")
        .arg(&project.own().manifest)
        .arg("--message-format=json-render-diagnostics");
    if project.config_file.exists() {
        cargo.env("FLIPLESS_CONFIG", &project.config_file);
    }
    let mut folder = None;
    let status = messages(&mut cargo, |message| match message {
        Message::BuildScriptExecuted(script) if script.package_id == package.id => {
            folder = Some(script.out_dir.join(PLATFORM).into());
        }
        _ => {}
    })?;
    if !status.success() {
        bail!("the platform tree could not be rendered ({status})");
    }
    folder.context("cargo did not say where the build script's output is")
}

/// Every default feature except `platform`, with which each changed setting would compile the server.
fn features_of_server(package: &Package) -> Vec<String> {
    let defaults = package.features.get("default");
    match defaults.filter(|names| names.iter().any(|name| name == PLATFORM)) {
        None => Vec::new(),
        Some(names) => {
            let others = names.iter().filter(|name| *name != PLATFORM).cloned();
            let others: Vec<_> = others.collect();
            [
                "--no-default-features".into(),
                "--features".into(),
                others.join(","),
            ]
            .into()
        }
    }
}

fn run(job: &Job) -> Result<Program> {
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
    let path = executable.with_context(|| format!("cargo names no executable `{}`", job.bin))?;
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
            "`[server] bin` in flipless.toml names one of: {}",
            names.join(", ")
        )],
    ))
}

/// Runs cargo, and passes each of its messages on.
fn messages(cargo: &mut Command, mut each: impl FnMut(Message)) -> Result<ExitStatus> {
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
                cargo.env(target::linker_variable(job.target), linker);
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

/// What decides on the dependencies: also a flag, by `cfg`.
fn choose(cargo: &mut Command, job: &Job) -> Result<()> {
    cargo
        .args(["--package", job.package.name.as_str()])
        .args(&job.features)
        .arg("--manifest-path")
        .arg(&job.workspace.manifest);
    if let Some(folder) = &job.workspace.folder {
        cargo.current_dir(folder);
    }
    flags::add(cargo, &job.config, job.target, &job.flags)
}

fn tree(job: &Job) -> Result<Tree> {
    let mut cargo = tools::cargo();
    cargo.args(["tree", "--target", job.target.triple()]);
    choose(&mut cargo, job)?;
    dependencies::of(&mut cargo, &job.workspace.root().join("Cargo.lock"))
}
