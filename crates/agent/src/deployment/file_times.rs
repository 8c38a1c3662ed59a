//! Gives the files of a bundle a time. `dist` gives all of them the time 1980-01-01, so that the same content gives the
//! same zip, and EB's `unzip` sets this time.
//!
//! nginx may serve these files. It makes their `ETag` from time and length
//! (<https://nginx.org/en/docs/http/ngx_http_core_module.html#etag>). So a changed file of the same length would be
//! the same for a browser. Without `Cache-Control`, a browser may use a file for a tenth of its age without a request
//! (RFC 9111, 4.2.2), and the age would be decades.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::instance::digest::of_bytes;
use crate::instance::system::System;

const DAY: u64 = 24 * 60 * 60;

/// A file up to this time has none: 1980-01-02 in UTC. `unzip` takes the time in the zip for local time, so it may be
/// some hours later than 1980-01-01 in UTC.
const NO_TIME: u64 = 315_532_800 + DAY;

/// Sets the time of the files in `bundle` that have none. `content` is the text whose digest identifies the release.
///
/// The time is in the day before today, and the content decides the second. So two releases differ, and the instances
/// of an environment have the same time if they deploy on the same day. Behind a load balancer, a browser may ask
/// another instance the next time.
pub fn set(system: &System, bundle: &Path, content: &str) -> Result<()> {
    let time = UNIX_EPOCH + Duration::from_secs(of(content, system.commands().unix_time()));
    let source = system.locate(bundle);
    for entry in walkdir::WalkDir::new(&source).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read {bundle:?}"))?;
        if entry.file_type().is_file() && has_none(entry.metadata()?.modified()?) {
            system.set_time(bundle.join(entry.path().strip_prefix(&source)?), time)?;
        }
    }
    Ok(())
}

fn has_none(time: SystemTime) -> bool {
    time <= UNIX_EPOCH + Duration::from_secs(NO_TIME)
}

/// Returns the time of the files of a release, in seconds since 1970. `now` is the time of the deployment.
fn of(content: &str, now: u64) -> u64 {
    let digest = of_bytes(content.as_bytes());
    let second = digest
        .bytes()
        .fold(0, |rest, digit| (16 * rest + u64::from(digit)) % DAY);
    (now - now % DAY).saturating_sub(1 + second)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{BUNDLE, Instance};

    const NOW: u64 = 1_795_800_000;

    #[test]
    fn the_time_is_of_yesterday_and_differs_between_releases() {
        let midnight = NOW - NOW % DAY;
        let contents = (0..2000).map(|number| number.to_string());
        let times: Vec<_> = contents.map(|content| of(&content, NOW)).collect();
        let day = midnight - DAY..midnight;
        assert!(times.iter().all(|time| day.contains(time)));
        let mut different = times.clone();
        different.sort_unstable();
        different.dedup();
        assert!(different.len() > 1900, "{}", different.len());
    }

    #[test]
    fn instances_that_deploy_on_the_same_day_agree() {
        let midnight = NOW - NOW % DAY;
        assert_eq!(of("one", midnight), of("one", midnight + DAY - 1));
        assert_ne!(of("one", midnight), of("one", midnight + DAY));
    }

    #[test]
    fn only_a_file_without_a_time_gets_one() {
        let instance = Instance::new();
        let system = &instance.system;
        let path = |name: &str| format!("{BUNDLE}/public/{name}");
        let time = |name: &str| {
            system
                .locate(path(name))
                .metadata()
                .unwrap()
                .modified()
                .unwrap()
        };
        for name in ["a", "b", "own"] {
            system.write(path(name), b"", 0o644).unwrap();
        }
        // UTC-12 and UTC+14 have the earliest and the latest 1980-01-01.
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        system
            .set_time(path("a"), at(315_532_800 - 14 * 3600))
            .unwrap();
        system
            .set_time(path("b"), at(315_532_800 + 12 * 3600))
            .unwrap();
        system.set_time(path("own"), at(NO_TIME + 1)).unwrap();
        set(system, Path::new(BUNDLE), "one").unwrap();
        let expected = at(of("one", system.commands().unix_time()));
        assert_eq!((time("a"), time("b")), (expected, expected));
        assert_eq!(time("own"), at(NO_TIME + 1));
    }
}
