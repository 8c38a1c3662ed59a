//! Runs cargo. Where the executables are is what cargo says, never a guess.

use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Message, Package, PackageId};

use super::cargo_config::Config;
use super::dependencies::{self, Tree};
use super::flags;
use super::linkage;
use super::target::{self, Builder, Linker, Target};
use crate::project::{Project, Workspace};
use crate::{layout, tools, ui};

/// An executable.
pub struct Built {
    /// Where it is.
    pub path: PathBuf,
    /// What it is made of; none for one that was built before, by somebody else.
    pub tree: Option<Tree>,
}

impl Built {
    /// One that was built before.
    pub fn before(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            tree: None,
        }
    }
}

/// The agent, and what its package's build script rendered.
pub struct Agent {
    /// The executable.
    pub executable: Built,
    /// The rendered templates.
    pub platform: PathBuf,
}

/// One run of cargo.
struct Job<'a> {
    workspace: &'a Workspace,
    package: &'a Package,
    bin: &'a str,
    features: &'a [&'a str],
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
pub fn server(project: &Project, target: Target) -> Result<Built> {
    let server = &project.settings.server;
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
        features: &[],
        options,
        target,
        builder: target::builder(target, &config)?,
        config,
        flags: flags::remap(project)?,
    };
    Ok(run(project, &job)?.0)
}

/// Builds the relay, for a server that listens on a port of its own.
///
/// # Errors
/// When it can't be built; cargo has said why.
pub fn relay(project: &Project, target: Target) -> Result<Built> {
    let what = format!("{}, the relay, for {}", layout::RELAY, target.triple());
    ui::status("Building", what);
    let config = Config::load(&project.own().config_folder()?)?;
    let job = Job {
        workspace: project.own(),
        package: project.own().package("flipless")?,
        bin: layout::RELAY,
        features: &["--no-default-features", "--features", "relay"],
        options: &["--release"],
        target,
        builder: target::builder(target, &config)?,
        config,
        flags: flags::remap(project)?,
    };
    Ok(run(project, &job)?.0)
}

/// Builds the agent: static if it can be. It resolves no name, so glibc may be static, too.
///
/// # Errors
/// When it can't be built; cargo has said why.
pub fn agent(project: &Project, server: Target) -> Result<Agent> {
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
        package: project.own().package("flipless")?,
        bin: "flipless",
        features: &["--no-default-features", "--features", "agent"],
        options: &["--profile", "agent"],
        target,
        builder,
        config,
        flags,
    };
    let (executable, out) = run(project, &job)?;
    let out = out.context("cargo did not say where the build script's output is")?;
    Ok(Agent {
        executable,
        platform: out.join("platform"),
    })
}

/// The executable, and the output folder of the `flipless` package's build script.
fn run(project: &Project, job: &Job) -> Result<(Built, Option<PathBuf>)> {
    let package = job.package;
    if !package
        .targets
        .iter()
        .any(|target| target.is_bin() && target.name == job.bin)
    {
        let bins = package.targets.iter().filter(|target| target.is_bin());
        let names: Vec<_> = bins.map(|target| target.name.as_str()).collect();
        return Err(ui::advised(
            format!("the package `{}` has no binary `{}`", package.name, job.bin),
            [format!(
                "`[server] bin` in flipless.toml names one of: {}",
                names.join(", ")
            )],
        ));
    }
    let mut child = command(project, job)?
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run cargo")?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let found = read(
        BufReader::new(stdout),
        job,
        &package.id,
        &project.own().package("flipless")?.id,
    );
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo could not build `{}` ({status})", job.bin);
    }
    let (executable, out) = found?;
    let path = executable.with_context(|| format!("cargo names no executable `{}`", job.bin))?;
    let tree = Some(tree(job)?);
    Ok((Built { path, tree }, out))
}

fn command(project: &Project, job: &Job) -> Result<Command> {
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
        .arg("--message-format=json-render-diagnostics")
        .stdin(Stdio::null());
    choose(&mut cargo, job)?;
    if project.config.exists() {
        // The library's build script must read the same settings, also as a dependency.
        cargo.env("FLIPLESS_CONFIG", &project.config);
    }
    Ok(cargo)
}

/// What decides on the dependencies: also a flag, by `cfg`.
fn choose(cargo: &mut Command, job: &Job) -> Result<()> {
    cargo
        .args(["--package", job.package.name.as_str()])
        .args(job.features)
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

fn read(
    stdout: impl std::io::BufRead,
    job: &Job,
    package: &PackageId,
    flipless: &PackageId,
) -> Result<(Option<PathBuf>, Option<PathBuf>)> {
    let (mut executable, mut out) = (None, None);
    for message in Message::parse_stream(stdout) {
        match message.context("cannot read cargo's messages")? {
            Message::CompilerArtifact(artifact)
                if artifact.package_id == *package
                    && artifact.target.is_bin()
                    && artifact.target.name == job.bin =>
            {
                executable = artifact.executable.map(Into::into);
            }
            Message::BuildScriptExecuted(script) if script.package_id == *flipless => {
                out = Some(script.out_dir.into());
            }
            _ => {}
        }
    }
    Ok((executable, out))
}
