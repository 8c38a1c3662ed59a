//! `--soak`: many deployments on one instance.

use rehearse::engine::variants;
use rehearse::image::Image;
use rehearse::progress;
use rehearse::report::Rehearsal;
use rehearse::scenario::{self, Parameters, Soak};

use super::arguments::Arguments;
use super::bundles::{first_bundle, folder, store, warn_of_skipped_hooks};
use super::hint::hinted;

pub(super) fn soak(arguments: &Arguments, deployments: u32) -> anyhow::Result<Rehearsal> {
    let bundles = folder()?;
    let image = Image::obtain(&arguments.image, &store().join("images"))?;
    let front = arguments.front.first().copied();
    let from = first_bundle(arguments, front, bundles.path())?;
    warn_of_skipped_hooks(&arguments.skipped_hooks, &[&from])?;
    let named = arguments.variant.as_ref().map(|_| arguments.variants());
    let soak = Soak {
        deployments,
        faults: arguments.faults,
        variants: named.and_then(|named| named.first().copied()),
    };
    let parameters = Parameters {
        image: image.clone(),
        machines: store().join("machines"),
        bundles: bundles.path().to_owned(),
        to: from.clone(),
        from,
        rate: arguments.rate,
        manner: arguments.manner(),
        variants: soak.variants.unwrap_or(variants::STANDARD),
        skipped_hooks: arguments.skipped_hooks.clone(),
    };
    let seed = match arguments.faults {
        Some(seed) => format!("with faults of seed {seed}"),
        None => "without faults".into(),
    };
    progress::status("Soaking", format!("{deployments} deployments {seed}"));
    let soaked = scenario::soak(&soak, &parameters).map_err(hinted)?;
    Ok(Rehearsal {
        image: image.name,
        systemd: soaked.played.systemd,
        nginx: soaked.played.nginx,
        runs: vec![soaked.played.run],
        soak: Some(soaked.soak),
    })
}
