//! Builds the programs of the bundle with cargo.

use std::path::Path;

use anyhow::Result;
use cargo_metadata::Package;
use flipless_settings::layout;

use super::cargo_config::CargoConfig;
use super::job::{self, Job, Program};
use super::target::Target;
use super::{flags, linkage, platform, toolchain};
use crate::project::Project;
use crate::ui;

/// Builds the server that the settings name.
///
/// # Errors
/// If the build fails. cargo has then printed the reason.
pub fn server(project: &Project, target: Target) -> Result<Program> {
    let server = &project.config.server;
    ui::status(
        "Building",
        format!("{} for {}", server.bin, target.triple()),
    );
    if project.server_is_elsewhere() {
        require_lock_file(project.server().root())?;
    }
    let config = CargoConfig::load(&project.server().config_folder()?)?;
    if let Some(warning) = flags::processor(config.rustflags(target)?.flags.iter()) {
        ui::warning(warning);
    }
    let job = Job {
        workspace: project.server(),
        package: project.server_package()?,
        bin: server.bin.as_str(),
        features: features_of_server(project.server_package()?),
        options: &["--release"],
        target,
        builder: toolchain::builder(target, &config)?,
        config,
        flags: flags::of_server(project)?,
    };
    job::run(&job)
}

/// Fails if there is no Cargo.lock. cargo's own error for `--locked` does not say why `dist` needs the file.
fn require_lock_file(root: &Path) -> Result<()> {
    if root.join("Cargo.lock").exists() {
        return Ok(());
    }
    Err(ui::advised(
        format!("{} has no Cargo.lock", root.display()),
        [
            "run `cargo generate-lockfile` there and commit Cargo.lock: `dist` builds the versions in this file, so \
             every machine builds the same bundle",
        ],
    ))
}

/// Builds the relay, for a server that opens its port itself.
///
/// # Errors
/// If the build fails. cargo has then printed the reason.
pub fn relay(project: &Project, target: Target) -> Result<Program> {
    let what = format!("{}, the relay, for {}", layout::RELAY, target.triple());
    ui::status("Building", what);
    let config = CargoConfig::load(&project.own().config_folder()?)?;
    let job = Job {
        workspace: project.own(),
        package: project.own().package("flipless-relay")?,
        bin: layout::RELAY,
        features: Vec::new(),
        options: &["--release"],
        target,
        builder: toolchain::builder(target, &config)?,
        config,
        flags: flags::of_own(project)?,
    };
    job::run(&job)
}

/// Builds the program for certificates. The program looks up host names, so it needs the instance's own glibc: a
/// static glibc can't load the instance's name services. The build needs a C compiler, because the cryptography
/// (ring) has parts in C.
///
/// # Errors
/// If the build fails. cargo has then printed the reason.
pub fn certificates(project: &Project, server: Target) -> Result<Program> {
    let target = Target::gnu(server.arch());
    let what = format!(
        "{}, for HTTPS, for {}",
        layout::CERTIFICATES_BIN,
        target.triple()
    );
    ui::status("Building", what);
    let config = CargoConfig::load(&project.own().config_folder()?)?;
    let job = Job {
        workspace: project.own(),
        package: project.own().package("flipless-certificates")?,
        bin: layout::CERTIFICATES_BIN,
        features: Vec::new(),
        options: &["--profile", "agent"],
        target,
        builder: toolchain::builder(target, &config)?,
        config,
        flags: flags::of_own(project)?,
    };
    job::run(&job)
}

/// Builds the agent, and links it statically if possible. The agent looks up no host names, so it may also contain
/// a static glibc.
///
/// # Errors
/// If the build fails. cargo has then printed the reason.
pub fn agent(project: &Project, server: Target) -> Result<Program> {
    let config = CargoConfig::load(&project.own().config_folder()?)?;
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
        ui::warning("found no static C library: each stand-in will use about 0.6 MiB more memory");
        ui::hint(format!(
            "run `rustup target add {}`, or install libc6-dev (Debian) or glibc-static (Fedora)",
            Target::musl(server.arch()).triple()
        ));
    }
    let mut flags = flags::of_own(project)?;
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
    job::run(&job)
}

/// Returns cargo's arguments for all default features except `platform`. With `platform`, each changed setting would
/// recompile the server.
fn features_of_server(package: &Package) -> Vec<String> {
    let defaults = package.features.get("default");
    match defaults.filter(|names| names.iter().any(|name| name == platform::PLATFORM)) {
        None => Vec::new(),
        Some(names) => {
            let others = names
                .iter()
                .filter(|name| *name != platform::PLATFORM)
                .cloned();
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
