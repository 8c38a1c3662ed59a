//! What the command line may say.

use std::path::{Path, PathBuf};

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use flipless_settings::FrontMode;
use rehearse::engine::{Variants, variants};
use rehearse::image::Source;
use rehearse::scenario::{self, Scenario};

/// The modes of `[front] mode`, by their names.
fn front_mode() -> impl TypedValueParser<Value = FrontMode> {
    let names = FrontMode::ALL.map(FrontMode::name);
    PossibleValuesParser::new(names)
        .try_map(|name| FrontMode::from_name(&name).ok_or("no such mode"))
}

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
    pub(super) image: Source,
    /// Build the bundle with this front mode instead of flipless.toml's; several, separated by
    /// commas, are compared: nginx,stock
    #[arg(long, value_parser = front_mode(), value_delimiter = ',', conflicts_with_all = ["from", "to"])]
    pub(super) front: Vec<FrontMode>,
    /// Build the bundle that this flipless.toml describes instead of the project's own
    #[arg(long, value_name = "FILE", value_parser = existing_file, conflicts_with = "from")]
    pub(super) config: Option<PathBuf>,
    /// What happens to the instance: scenarios' names, separated by commas, or `all`
    #[arg(long, value_name = "NAME|all", default_value = "new-version", value_parser = parse_scenarios)]
    pub(super) scenario: Scenarios,
    /// The bundle that runs at first, instead of a built one
    #[arg(long, value_name = "ZIP", value_parser = existing_file)]
    pub(super) from: Option<PathBuf>,
    /// The bundle that is deployed, instead of the first one with a file more
    #[arg(long, value_name = "ZIP", value_parser = existing_file)]
    pub(super) to: Option<PathBuf>,
    /// New connections a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(super) rate: u32,
    /// How many instances play each scenario, at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub(super) instances: u32,
    /// Write the result as one page
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(super) json: bool,
    /// How the engine behaves where a real one isn't known: a variant's name, or `all`
    #[arg(long, value_name = "NAME|all", default_value = "standard", value_parser = parse_variants)]
    pub(super) variant: Behaviours,
    /// Boot an instance, launch the environment, and wait for Ctrl-C
    #[arg(long, hide = true)]
    pub(super) keep: bool,
    /// Use an application that knows nothing of flipless
    #[arg(long, hide = true, conflicts_with_all = ["from", "to", "front", "config"])]
    pub(super) stock_app: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Scenarios(pub(super) Vec<&'static Scenario>);

fn parse_scenarios(names: &str) -> Result<Scenarios, String> {
    if names == "all" {
        return Ok(Scenarios(scenario::ALL.iter().collect()));
    }
    let known = || known(scenario::ALL.iter().map(|scenario| scenario.name));
    let found = names
        .split(',')
        .map(|name| scenario::named(name).ok_or_else(known));
    found.collect::<Result<_, _>>().map(Scenarios)
}

#[derive(Debug, Clone)]
pub(super) struct Behaviours(pub(super) Vec<Variants>);

fn parse_variants(name: &str) -> Result<Behaviours, String> {
    if name == "all" {
        return Ok(Behaviours(variants::ALL.to_vec()));
    }
    let found = variants::named(name).map(|variants| Behaviours(vec![variants]));
    found.ok_or_else(|| known(variants::ALL.iter().map(|variants| variants.name)))
}

fn known(names: impl Iterator<Item = &'static str>) -> String {
    format!("known are all, {}", names.collect::<Vec<_>>().join(", "))
}

fn existing_file(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text)
        .canonicalize()
        .map_err(|error| error.to_string())?;
    if path.is_file() {
        Ok(path)
    } else {
        Err("not a file".into())
    }
}
