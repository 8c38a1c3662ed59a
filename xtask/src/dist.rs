//! `cargo xtask dist`: render → plan → build → archive → check → manifest and SBOM.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anstream::println;
use anyhow::{Context, Result};

use flipless_settings::{Handover, layout};

use crate::arch::Arch;
use crate::bundle::Bundle;
use crate::check::{self, Check};
use crate::project::Project;
use crate::roots::Roots;
use crate::ui;

mod archive;
mod build;
mod cargo_config;
mod dependencies;
mod draft;
mod exclude;
mod file_list;
mod flags;
mod include;
mod job;
mod link;
mod linkage;
mod lock;
mod manifest;
mod plan;
mod platform;
mod procfile;
mod provenance;
mod sbom;
mod source;
mod target;
mod timestamp;
mod toolchain;
mod upload;
mod wrap;

use draft::Draft;
use file_list::{FileList, Programs};
use manifest::Manifest;
use provenance::Provenance;
use sbom::{Executable, Subject};
use target::Target;
use wrap::Wrapped;

/// `cargo xtask dist`
#[derive(clap::Args)]
pub struct Args {
    /// The processor of the instances; aarch64 is Graviton
    #[arg(long, value_enum, default_value = "x86_64", conflicts_with = "target")]
    arch: Arch,
    /// Build the server for this target; choose musl if the server must not need glibc
    #[arg(long, value_name = "TRIPLE", value_enum)]
    target: Option<Target>,
    /// Use this configuration file instead of the project's flipless.toml, for example for a server in another
    /// project
    #[arg(long, value_name = "FILE", value_parser = crate::arguments::existing_file)]
    config: Option<PathBuf>,
    /// Ship this executable as the server instead of building one
    #[arg(long, value_name = "PATH", value_parser = crate::arguments::executable_file)]
    server: Option<PathBuf>,
    /// Make the bundle from this zip, which you deploy to EB today; the `web` of its Procfile becomes the server
    #[arg(long, value_name = "ZIP", value_parser = crate::arguments::existing_file, conflicts_with = "server")]
    wrap: Option<PathBuf>,
    /// Write the zip to this folder [default: target/dist]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// List the files of the zip, without building it
    #[arg(long)]
    plan: bool,
    /// Print the manifest on standard output instead of the path of the zip
    #[arg(long)]
    json: bool,
}

impl Args {
    fn target(&self) -> Target {
        self.target.unwrap_or(Target::gnu(self.arch))
    }
}

/// The origin of a bundle.
enum Source {
    /// A project.
    Project(Box<Project>),
    /// A source bundle without flipless.
    Wrapped(Box<Wrapped>),
}

impl Source {
    fn load(roots: &Roots, args: &Args) -> Result<Self> {
        let config = args.config.as_deref();
        Ok(match &args.wrap {
            Some(zip) => Self::Wrapped(wrap::open(roots, zip, config)?.into()),
            None => Self::Project(Project::load(roots, config)?.into()),
        })
    }

    fn project(&self) -> &Project {
        match self {
            Self::Project(project) => project,
            Self::Wrapped(wrapped) => wrapped.project(),
        }
    }

    fn wrapped(&self) -> Option<&Wrapped> {
        match self {
            Self::Project(_) => None,
            Self::Wrapped(wrapped) => Some(wrapped),
        }
    }
}

/// Builds the bundle, or lists its files.
pub fn run(roots: &Roots, args: &Args) -> Result<ExitCode> {
    let started = Instant::now();
    let source = Source::load(roots, args)?;
    let project = source.project();
    let _lock = lock::take(project.target_folder())?;
    let platform = platform::render(project)?;
    let plan = |say_joined: fn(&Path)| {
        let server = args.server.as_deref();
        plan::plan(project, &platform, server, source.wrapped(), say_joined)
    };
    let planned = plan(plan::say_joined)?;
    if args.plan {
        print_plan(&planned, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    // The build of the server may make or change included files, so the second plan lists them again.
    let (zip, manifest) = build_bundle(&source, args, || plan(|_| ()))?;
    let size = ui::size(manifest.bytes);
    let time = ui::duration(started.elapsed());
    ui::status("Finished", format!("{} ({size}) in {time}", manifest.zip));
    if args.json {
        println!("{}", manifest.at(&zip).to_json()?);
    } else {
        upload::explain(&zip, &manifest.label);
        println!("{}", zip.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the programs, and writes the zip and the files beside the zip. Returns the path of the zip, and the manifest.
fn build_bundle(
    source: &Source,
    args: &Args,
    plan: impl Fn() -> Result<FileList>,
) -> Result<(PathBuf, Manifest)> {
    let project = source.project();
    let folder = args.out.clone().unwrap_or_else(|| project.dist_folder());
    // Finds an unwritable folder before the long build. `drop` removes the draft's file at once, so an interrupted
    // build leaves no file in the folder.
    drop(Draft::create(&folder)?);
    let name = bundle_name(project, args)?;
    let (programs, mut executables) = build_programs(project, args)?;
    let files = plan()?.with(&programs);
    executables.extend(source.wrapped().into_iter().flat_map(Wrapped::executables));

    let mut draft = Draft::create(&folder)?;
    ui::status("Packing", format!("{} files", files.len()));
    archive::write(draft.zip(), &files, timestamp::from_environment()?)?;
    let manifest = checked(project, &draft, args.target(), &name)?;
    let sbom = describe(project, &manifest, &executables)?;
    let zip = draft.publish(&manifest, &sbom)?;
    Ok((zip, manifest))
}

/// Returns NAME-VERSION-ARCH, or NAME-ARCH for a server without a version.
fn bundle_name(project: &Project, args: &Args) -> Result<String> {
    let version = version(project)?.map(|version| format!("-{version}"));
    let (name, arch) = (&project.config.app.name, args.target().arch().name());
    Ok(format!("{name}{}-{arch}", version.unwrap_or_default()))
}

/// The server package's version; `None` for a server that `dist` does not build.
fn version(project: &Project) -> Result<Option<String>> {
    match project.config.server.command {
        Some(_) => Ok(None),
        None => Ok(Some(project.server_package()?.version.to_string())),
    }
}

/// Builds the programs. Returns their paths, and the crates of each executable.
fn build_programs(project: &Project, args: &Args) -> Result<(Programs, Vec<Executable>)> {
    let target = args.target();
    let server = match &args.server {
        _ if project.config.server.command.is_some() => None,
        Some(path) => Some(job::Program::prebuilt(path)),
        None => Some(build::server(project, target)?),
    };
    let relay = match project.config.handover() {
        Handover::Socket => None,
        Handover::Port => Some(build::relay(project, target)?),
    };
    let certificates = match project.config.https.needs_authority() {
        false => None,
        true => Some(build::certificates(project, target)?),
    };
    let agent = build::agent(project, target)?;
    let programs = Programs {
        server: server.as_ref().map(|server| server.path.clone()),
        relay: relay.as_ref().map(|relay| relay.path.clone()),
        certificates: certificates.as_ref().map(|built| built.path.clone()),
        agent: agent.path,
    };
    let executables = [
        (
            project.config.server.bin.as_str(),
            server.map(|server| server.tree),
        ),
        (layout::RELAY, relay.map(|relay| relay.tree)),
        (
            layout::CERTIFICATES_BIN,
            certificates.map(|built| built.tree),
        ),
        (layout::AGENT_BIN, Some(agent.tree)),
    ];
    let executables = executables.into_iter().filter_map(|(name, tree)| {
        let place = layout::in_bin(name);
        tree.map(|tree| Executable { place, tree })
    });
    Ok((programs, executables.collect()))
}

/// Returns the text of the SBOM.
fn describe(project: &Project, manifest: &Manifest, executables: &[Executable]) -> Result<String> {
    let subject = Subject {
        name: project.config.app.name.as_str(),
        version: version(project)?,
        zip: &manifest.zip,
        sha256: &manifest.sha256,
        timestamp: timestamp::text_from_environment()?,
        entries: manifest.hashes(),
    };
    sbom::document(&subject, executables)
}

/// Reads the finished zip back and checks it. Returns its manifest.
fn checked(project: &Project, draft: &Draft, target: Target, name: &str) -> Result<Manifest> {
    ui::status("Checking", "the finished zip");
    let bundle = Bundle::open(draft.zip_path())?;
    let checks = check::all(&bundle, Some(target.arch()));
    let failed: Vec<_> = checks.iter().filter(|check| check.failed()).collect();
    if !failed.is_empty() {
        let lines = failed
            .iter()
            .map(|check| format!("{}: {}", check.name, check.detail));
        let message = lines.collect::<Vec<_>>().join("\n       ");
        let hints = failed.iter().filter_map(|check| check.hint.clone());
        let hints = hints.chain(check::way_out(&checks));
        return Err(ui::advised(message, hints)).context("the bundle has failed its checks");
    }
    checks.iter().flat_map(Check::remarks).for_each(ui::warning);
    let provenance = Provenance::of(project.source_folder(), &bundle)?;
    Manifest::new(
        draft.zip_path(),
        name,
        target.triple(),
        provenance,
        &bundle,
        checks,
    )
}

fn print_plan(files: &FileList, json: bool) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&files.to_json())?);
        return Ok(());
    }
    for (path, file) in files.iter() {
        let size = file.bytes.map(|bytes| format!(", {}", ui::size(bytes)));
        let (mode, origin) = (file.mode, &file.origin);
        println!("{mode:04o} {path}  ({origin}{})", size.unwrap_or_default());
    }
    Ok(())
}
