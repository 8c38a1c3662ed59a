//! The options of the command line.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory, Parser};
use flipless_settings::FrontMode;
use hyper::header::{HeaderName, HeaderValue};
use rehearse::engine::{Variants, variants};
use rehearse::image::Source;
use rehearse::load::{self, Manner};
use rehearse::scenario::{self, Scenario};

/// Returns the parser of a front mode's name.
fn front_mode() -> impl TypedValueParser<Value = FrontMode> {
    let names = FrontMode::ALL.map(FrontMode::name);
    PossibleValuesParser::new(names)
        .try_map(|name| FrontMode::from_name(&name).ok_or("unknown front mode"))
}

/// Rehearse a deployment on a model of an Elastic Beanstalk instance
///
/// The instance is a container with real systemd and real nginx. Clients send requests during the deployment. The
/// result shows every failed request and the latencies.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask rehearse")]
pub struct Arguments {
    /// The instance's operating system: bookworm (systemd 252, as on Amazon Linux 2023), trixie, forky (nginx 1.28
    /// or newer, as on EB), or a root directory
    #[arg(
        long,
        value_name = "bookworm|trixie|forky|DIR",
        default_value = "bookworm"
    )]
    pub(super) image: Source,
    /// Build the bundle with this front mode instead of the mode in flipless.toml; a list, such as nginx,stock,
    /// compares several modes
    #[arg(long, value_parser = front_mode(), value_delimiter = ',', conflicts_with_all = ["from", "to"])]
    pub(super) front: Vec<FrontMode>,
    /// Build the bundle with this configuration file instead of the project's flipless.toml
    #[arg(long, value_name = "FILE", value_parser = existing_file, conflicts_with = "from")]
    pub(super) config: Option<PathBuf>,
    /// The scenarios to play: names, separated by commas, or `all`
    #[arg(long, value_name = "NAME|all", default_value = "new-version", value_parser = parse_scenarios)]
    pub(super) scenario: Scenarios,
    /// Start with this bundle instead of building one
    #[arg(long, value_name = "ZIP", value_parser = existing_file)]
    pub(super) from: Option<PathBuf>,
    /// Deploy this bundle instead of a changed copy of the first bundle
    #[arg(long, value_name = "ZIP", value_parser = existing_file)]
    pub(super) to: Option<PathBuf>,
    /// New connections per second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub(super) rate: u32,
    /// A header of every request, such as 'X-Forwarded-Proto: https' for an application behind a load balancer;
    /// may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = load::parse_header)]
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Leave out hooks that can't work without the internet; GLOB is a path below .platform, or a file name, with
    /// wildcards, such as 'hooks/postdeploy/*certificate*'; may be given several times
    #[arg(long = "skip-hook", value_name = "GLOB")]
    pub(super) skipped_hooks: Vec<String>,
    /// Deploy N times in a row to one instance instead of playing scenarios: versions, changed properties and
    /// proxies, restarts, rollbacks, aborts, failing hooks, and renewals of a certificate. At the end, the rehearsal
    /// checks that nothing is left over
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000),
          conflicts_with_all = ["scenario", "to", "instances", "report", "keep", "stock_app"])]
    pub(super) soak: Option<u32>,
    /// In a soak, kill agents, the server and nginx, and stop the engine, at moments that depend on SEED; SEED also
    /// determines the engine's first variant, and every 25 deployments the next one follows, unless --variant names
    /// one. The same seed gives the same plan
    #[arg(long, value_name = "SEED", requires = "soak")]
    pub(super) faults: Option<u64>,
    /// How many instances play each scenario, at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub(super) instances: u32,
    /// Write the result as an HTML page
    #[arg(long, value_name = "FILE.html")]
    pub(super) report: Option<PathBuf>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(super) json: bool,
    /// How EB's engine behaves where its real behaviour is unknown: a variant's name, or `all`
    /// [default: standard]
    #[arg(long, value_name = "NAME|all", value_parser = parse_variants)]
    pub(super) variant: Option<Behaviours>,
    /// Boot an instance, launch the environment, and wait for Ctrl-C
    #[arg(long, hide = true)]
    pub(super) keep: bool,
    /// Use an application without flipless
    #[arg(long, hide = true, conflicts_with_all = ["from", "to", "front", "config"])]
    pub(super) stock_app: bool,
}

impl Arguments {
    /// Returns the variants of the engine that are rehearsed.
    pub(super) fn variants(&self) -> &[Variants] {
        let standard = &[variants::STANDARD];
        self.variant.as_ref().map_or(standard, |named| &named.0)
    }

    /// Returns the manner of the clients, with the headers that they send.
    pub(super) fn manner(&self) -> Manner {
        Manner {
            headers: self.headers.iter().cloned().collect(),
            ..Manner::default()
        }
    }

    /// Returns the error for options that contradict each other.
    pub fn check(&self) -> Result<(), clap::Error> {
        let conflict = |what: &str| {
            let kind = clap::error::ErrorKind::ArgumentConflict;
            Err(Self::command().error(kind, what))
        };
        match (self.soak, self.front.as_slice(), self.variants()) {
            (None, ..) => Ok(()),
            (_, [FrontMode::Stock], _) => conflict(
                "a soak fails if a request is lost, and `--front stock` loses requests in every deployment; \
                 to compare the fronts, use `--front nginx,stock` without --soak",
            ),
            (_, [_, _, ..], _) => conflict(
                "a soak uses one front mode; name one with `--front nginx` or `--front direct`",
            ),
            (_, _, [_, _, ..]) => conflict(
                "name one variant for a soak, or none: with --faults a soak changes the variant itself",
            ),
            _ => Ok(()),
        }
    }
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
    format!("choose from all, {}", names.collect::<Vec<_>>().join(", "))
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

#[cfg(test)]
mod tests;
