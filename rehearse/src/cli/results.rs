//! The results of a rehearsal. A scenario that could not be played has a result too, so that the results of the other
//! scenarios are not lost.

use rehearse::bundle;
use rehearse::progress;
use rehearse::report::Rehearsal;
use rehearse::result::ScenarioResult;
use rehearse::scenario::{Parameters, Played, Scenario};

/// Stands for a version that no scenario has reported.
const UNKNOWN: &str = "unknown";

/// The results so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    /// The versions of systemd and nginx, as the first played scenario has reported them.
    versions: Option<(String, String)>,
    runs: Vec<ScenarioResult>,
}

impl Results {
    /// Adds the result of a scenario. An error becomes a failed run with the error as its reason.
    pub fn add(
        &mut self,
        scenario: &Scenario,
        parameters: &Parameters,
        result: anyhow::Result<Played>,
    ) {
        match result {
            Ok(Played {
                run,
                systemd,
                nginx,
            }) => {
                self.versions.get_or_insert((systemd, nginx));
                self.runs.push(run);
            }
            Err(error) => {
                let name = scenario.title(&parameters.variants);
                let reason = format!("the scenario could not be played: {error:#}");
                progress::failure("Failed", format_args!("{name}: {reason}"));
                let front = bundle::settings::front_mode(&parameters.from);
                let front = front.map_or(UNKNOWN, |mode| mode.name());
                self.runs
                    .push(ScenarioResult::unplayed(name, front, reason));
            }
        }
    }

    /// Returns the rehearsal of all results.
    pub fn rehearsal(self, image: String) -> Rehearsal {
        let unknown = || (UNKNOWN.to_owned(), UNKNOWN.to_owned());
        let (systemd, nginx) = self.versions.unwrap_or_else(unknown);
        Rehearsal {
            image,
            systemd,
            nginx,
            runs: self.runs,
            soak: None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use anyhow::anyhow;
    use rehearse::engine::variants;
    use rehearse::image::Image;
    use rehearse::load::Manner;
    use rehearse::scenario;
    use std::path::Path;

    fn parameters(folder: &Path) -> Parameters {
        let from = folder.join("1.zip");
        bundle::stock_app(&from, "one").unwrap();
        Parameters {
            image: Image {
                name: "bookworm".into(),
                root: folder.to_owned(),
                bare: false,
            },
            machines: folder.to_owned(),
            bundles: folder.to_owned(),
            to: from.clone(),
            from,
            rate: 1,
            manner: Manner::default(),
            variants: variants::STANDARD,
            skipped_hooks: Vec::new(),
        }
    }

    #[test]
    fn a_scenario_that_could_not_be_played_fails_and_the_others_are_reported() {
        let folder = tempfile::tempdir().unwrap();
        let parameters = parameters(folder.path());
        let mut results = Results::default();
        let named = |name| scenario::named(name).unwrap();
        let broken = Err(anyhow!("no disk").context("cannot boot"));
        results.add(named("redeploy"), &parameters, broken);
        let run = ScenarioResult {
            ok: true,
            ..ScenarioResult::unplayed("restart".into(), "stock", String::new())
        };
        let played = Played {
            run,
            systemd: "252".into(),
            nginx: "1.22.1".into(),
        };
        results.add(named("restart"), &parameters, Ok(played));
        let rehearsal = results.rehearsal("bookworm".into());
        assert_eq!(rehearsal.systemd, "252");
        let [failed, played] = &rehearsal.runs[..] else {
            panic!("{:?}", rehearsal.runs)
        };
        assert!(played.ok && !failed.ok);
        assert_eq!(
            (failed.scenario.as_str(), failed.front.as_str()),
            ("redeploy", "stock")
        );
        let reason = "the scenario could not be played: cannot boot: no disk";
        assert_eq!(failed.reasons, [reason]);
    }

    #[test]
    fn without_a_played_scenario_the_versions_are_unknown() {
        let rehearsal = Results::default().rehearsal("bookworm".into());
        assert_eq!(rehearsal.nginx, UNKNOWN);
    }
}
