//! The command line.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use rehearse::bundle::{self, Front};
use rehearse::clock::Clock;
use rehearse::engine::{Engine, Properties, Variants, variants};
use rehearse::image::{Image, Source};
use rehearse::machine::{self, Machine};
use rehearse::{progress, requirements};

/// Deploy a bundle on a model of an Elastic Beanstalk instance (real systemd, real nginx), under
/// load, and show what the clients saw.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask rehearse")]
pub struct Arguments {
    /// The instance's system: bookworm (systemd 252, as Amazon Linux 2023), trixie, forky (nginx at
    /// least 1.28, as EB's), or a root directory
    #[arg(
        long,
        value_name = "bookworm|trixie|forky|DIR",
        default_value = "bookworm"
    )]
    image: Source,
    /// Build the bundle with this front mode instead of flipless.toml's
    #[arg(long, value_enum, conflicts_with = "from")]
    front: Option<Front>,
    /// The bundle that runs at first, instead of a built one
    #[arg(long, value_name = "ZIP")]
    from: Option<PathBuf>,
    /// Boot an instance, launch the environment, and wait for Ctrl-C
    #[arg(long, hide = true)]
    keep: bool,
    /// Use an application that knows nothing of flipless
    #[arg(long, hide = true, conflicts_with_all = ["from", "front"])]
    stock_app: bool,
    /// How the engine behaves where a real one isn't known
    #[arg(long, hide = true, default_value = "standard", value_parser = parse_variants)]
    variant: Variants,
}

fn parse_variants(name: &str) -> Result<Variants, String> {
    let names = || {
        variants::ALL
            .iter()
            .map(|variants| variants.name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    variants::named(name).ok_or_else(|| format!("known are: {}", names()))
}

/// Does what the command line says; whether all went well.
pub fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    requirements::check(matches!(arguments.image, Source::Suite(_)))?;
    machine::tear_down_on_signals().context("signal handlers")?;
    keep(arguments)
}

/// Where images and machines are kept: `target/rehearse`.
fn store() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    target
        .unwrap_or_else(|| workspace.join("target"))
        .join("rehearse")
}

fn first_bundle(arguments: &Arguments) -> anyhow::Result<PathBuf> {
    if arguments.stock_app {
        let path = store().join("bundles/stock-app.zip");
        std::fs::create_dir_all(store().join("bundles"))?;
        bundle::stock_app(&path, "one")?;
        return Ok(path);
    }
    match &arguments.from {
        Some(path) => path
            .canonicalize()
            .with_context(|| format!("--from {}", path.display())),
        None => Ok(bundle::build(arguments.front)?),
    }
}

/// For a developer: an instance with the bundle deployed, until Ctrl-C.
fn keep(arguments: &Arguments) -> anyhow::Result<bool> {
    let bundle = first_bundle(arguments)?;
    let image = Image::obtain(&arguments.image, &store().join("images"))?;
    progress::status("Booting", &image.name);
    let machine = Machine::boot(&image, &store().join("machines"))?;
    let mut engine = Engine::new(machine, arguments.variant, Clock::start());
    progress::status("Deploying", bundle.display());
    let deployment = engine.create_environment(&bundle, Properties::new());
    let seconds = deployment.window.length().as_secs_f32();
    match deployment.outcome {
        Ok(()) => progress::status("Launched", format!("the environment in {seconds:.1} s")),
        Err(error) => progress::failure("Failed", error),
    }
    progress::status("Waiting", "for Ctrl-C; enter the instance with:");
    println!("{}", engine.instance().enter_command());
    loop {
        std::thread::park();
    }
}
