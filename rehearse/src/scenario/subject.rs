//! The instance of a scenario: methods for the acts of scenarios, and for the checks of verdicts.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use flipless_settings::{Https, layout};

use super::check::Check;
use super::error::ScenarioError;
use super::parameters::Parameters;
use super::status::Status;
use crate::authority;
use crate::bundle;
use crate::clock::{Clock, Window};
use crate::engine::{Deployment, Engine};
use crate::load::{self, Answer, Namespace, Tls};
use crate::machine::{Command, Instance, Machine, wait_for};
use crate::record::Outcome;

/// How long to wait for a condition.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one request may take.
const ANSWER: Duration = Duration::from_secs(10);

/// A secret: a property whose value EB does not store itself. Every environment with flipless has this secret.
pub(super) const SECRET: (&str, &str) = ("FLIPLESS_TEST_SECRET", "two \"words\" and a\nline");

/// An instance with its engine.
#[derive(Debug)]
pub struct Subject {
    /// EB's engine, and through it the instance.
    pub engine: Engine<Machine>,
    /// The parameters of the rehearsal.
    pub parameters: Parameters,
    /// EB's deployments under load.
    pub deployments: Vec<Deployment>,
    /// The results of the scenario's own checks.
    pub checks: Vec<Check>,
    /// The run's clock.
    pub clock: Clock,
    /// The path that quick clients request: the server's health path.
    pub path: String,
    /// The settings of HTTPS in the first bundle.
    pub https: Https,
    /// When the scenario killed a process.
    pub killed: Option<Window>,
}

impl Subject {
    pub(super) fn new(
        engine: Engine<Machine>,
        parameters: Parameters,
        clock: Clock,
    ) -> Result<Self, ScenarioError> {
        Ok(Self {
            path: bundle::health_path_of(&parameters.from)?,
            https: bundle::https::settings(&parameters.from)?,
            engine,
            parameters,
            deployments: Vec::new(),
            checks: Vec::new(),
            clock,
            killed: None,
        })
    }

    /// Deploys a bundle. The deployment must succeed.
    pub fn deploy(&mut self, bundle: &Path) -> Result<(), ScenarioError> {
        let deployment = self.engine.deploy(bundle);
        self.succeed(deployment)
    }

    /// Keeps `deployment`. If the deployment has failed, the scenario can't go on.
    pub fn succeed(&mut self, mut deployment: Deployment) -> Result<(), ScenarioError> {
        let outcome = std::mem::replace(&mut deployment.outcome, Ok(()));
        let kind = deployment.kind.to_string();
        self.deployments.push(deployment);
        outcome.map_err(|error| ScenarioError::Deployment(kind, error))
    }

    /// Keeps `deployment`, which must have failed. EB's console must show `reason`.
    pub fn refused(&mut self, deployment: Deployment, reason: &str) -> Result<(), ScenarioError> {
        let (kind, failed) = (deployment.kind.to_string(), deployment.outcome.is_err());
        self.deployments.push(deployment);
        if !failed {
            return Err(ScenarioError::NotRefused(kind));
        }
        let path = self.engine.deployment_log();
        let log = self.say(&format!("cat {path}"));
        let detail = format!("{path} does not contain {reason:?}: {log}");
        let fault = "EB's console does not show the reason";
        self.check(fault, log.contains(reason), detail);
        let staged = self.status().is_staged();
        self.check("a run is still staged", !staged, "see `flipless status`");
        Ok(())
    }

    /// Keeps `deployment`, which must have failed. `expected` says whether the deployment failed at the expected place.
    pub fn failed(&mut self, deployment: Deployment, expected: bool) -> Result<(), ScenarioError> {
        let kind = deployment.kind.to_string();
        let outcome = match &deployment.outcome {
            Ok(()) => return Err(ScenarioError::NotRefused(kind)),
            Err(error) => error.to_string(),
        };
        self.deployments.push(deployment);
        self.check("the deployment failed at another place", expected, outcome);
        Ok(())
    }

    /// Adds the result of a check. `fault` says what is wrong if `ok` is false.
    pub fn check(&mut self, fault: &'static str, ok: bool, detail: impl Into<String>) {
        self.checks.push(Check::new(fault, ok, detail));
    }

    /// Adds a note to the report.
    pub fn note(&mut self, text: &str, detail: &str) {
        self.checks.push(Check::note(text, detail));
    }

    /// Waits until `condition` is true. If the condition stays false, this adds a failed check with `fault`.
    pub fn wait(&mut self, fault: &'static str, condition: impl Fn(&Self) -> bool) {
        let held = wait_for(PATIENCE, || condition(self).then_some(())).is_some();
        let detail = format!("waited {} s", PATIENCE.as_secs());
        self.check(fault, held, detail);
    }

    /// Returns what a command on the instance prints.
    pub fn say(&self, line: &str) -> String {
        let output = self.engine.instance().run(&Command::shell(line));
        output.map_or_else(
            |error| error.to_string(),
            |output| output.stdout.trim().to_owned(),
        )
    }

    /// Runs a command on the instance that must succeed.
    pub fn must(&self, line: &str) -> Result<(), ScenarioError> {
        let failed = |why: String| ScenarioError::Command(line.to_owned(), why);
        let output = self
            .engine
            .instance()
            .run(&Command::shell(line))
            .map_err(|error| failed(error.to_string()))?;
        if output.succeeded() {
            Ok(())
        } else {
            Err(failed(output.text()))
        }
    }

    /// The pid of a unit's main process; `0` if the unit has none.
    pub fn main_pid(&self, unit: &str) -> String {
        self.say(&format!("systemctl show --value -p MainPID {unit}"))
    }

    pub(super) fn namespace(&self) -> Result<Namespace, ScenarioError> {
        let leader = self.engine.instance().leader().as_raw_nonzero().get();
        Ok(Namespace::of(leader.unsigned_abs())?)
    }

    /// Sends one request, apart from the load.
    pub fn get(&self, path: &str) -> Result<Answer, ScenarioError> {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        Ok(load::get(
            &self.namespace()?,
            address,
            path,
            &self.parameters.manner,
            ANSWER,
        )?)
    }

    /// Sends one request over HTTPS.
    pub fn get_with_tls(&self, tls: &Tls, path: &str) -> Result<Answer, ScenarioError> {
        let namespace = self.namespace()?;
        Ok(load::get_with_tls(
            &namespace,
            tls,
            path,
            &self.parameters.manner,
            ANSWER,
        )?)
    }

    /// The clients of HTTPS, if the first bundle has a domain. If the public port redirects, the long requests use
    /// HTTPS too.
    pub(super) fn tls(&self) -> Option<Tls> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.https.port));
        let tls = Tls::new(address, self.https.domains.first()?);
        Some(Tls {
            long: self.https.redirect,
            ..tls
        })
    }

    /// The name of the server in requests.
    pub(super) fn host(&self) -> String {
        let first = self.https.domains.first();
        first.map_or_else(|| "localhost".into(), String::clone)
    }

    /// Starts the rehearsal's certificate authority, if the first bundle has a domain.
    pub(super) fn start_authority(&mut self) -> Result<(), ScenarioError> {
        if self.https.domains.is_empty() {
            return Ok(());
        }
        let started = authority::start(self.engine.instance(), &self.https);
        let failed = |error: std::io::Error| {
            ScenarioError::Command("start the authority".into(), error.to_string())
        };
        if !started.map_err(failed)? {
            let detail = "the image has no pebble, or no openssl";
            self.note("no authority issues a certificate", detail);
        }
        Ok(())
    }

    /// Sends the request of the quick clients.
    pub fn ask(&self) -> Result<Answer, ScenarioError> {
        self.get(&self.path)
    }

    /// Whether the server has the endpoints for clients that are not quick, as the demonstration server has. The status
    /// 200 alone does not show this, because some applications answer every path with the same page.
    pub(super) fn serves_long_requests(&self) -> Result<bool, ScenarioError> {
        let slow = self.get_page("/slow?ms=1")?.status;
        let other = self.get_page("/no-such-page")?.status;
        let events = self.get_page("/stream?count=2&ms=1")?;
        let counted = String::from_utf8_lossy(&events.body)
            .matches("data:")
            .count();
        Ok(slow == 200 && other == 404 && counted >= 2)
    }

    /// Sends a request for a path that the public port may redirect to HTTPS.
    pub(super) fn get_page(&self, path: &str) -> Result<Answer, ScenarioError> {
        match self.tls().filter(|tls| tls.long) {
            Some(tls) => self.get_with_tls(&tls, path),
            None => self.get(path),
        }
    }

    /// Waits until the server answers. If the settings accept any status, the clients then expect the status of this
    /// answer. A redirect is an error at once, because such a server redirects every later request, too.
    pub(super) fn wait_until_serving(&mut self) -> Result<(), ScenarioError> {
        let any_status = bundle::accepts_any_status(&self.parameters.from)?;
        let mut last = String::from("no answer");
        let answered = wait_for(PATIENCE, || match self.ask() {
            Ok(answer) if is_settled(&answer, any_status) => Some(answer),
            Ok(answer) => {
                last = format!("status {}", answer.status);
                None
            }
            Err(error) => {
                last = error.to_string();
                None
            }
        });
        let answer = answered.ok_or(ScenarioError::NotServing(last))?;
        match answer.outcome {
            Outcome::Ok => {}
            Outcome::Status(300..400) => return Err(self.redirected(&answer)),
            _ => self.parameters.manner.expected = Some(answer.status),
        }
        Ok(())
    }

    fn redirected(&self, answer: &Answer) -> ScenarioError {
        let target = answer.headers.get("location");
        ScenarioError::Redirected {
            path: self.path.clone(),
            status: answer.status,
            target: target.map_or_else(String::new, |target| {
                String::from_utf8_lossy(target.as_bytes()).into_owned()
            }),
        }
    }

    pub(super) fn status(&self) -> Status {
        Status(
            serde_json::from_str(&self.say(&format!("{} status --json", layout::AGENT)))
                .unwrap_or_default(),
        )
    }

    /// The versions of systemd and nginx.
    pub(super) fn versions(&self) -> (String, String) {
        let systemd = self.say("systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p'");
        let nginx = self.say("/usr/sbin/nginx -v 2>&1 | sed 's/.*nginx.//; s/ .*//'");
        (systemd, nginx)
    }
}

/// Whether the answer is final. Another answer only shows that the server is still starting.
fn is_settled(answer: &Answer, any_status: bool) -> bool {
    match answer.status {
        300..400 => true,
        400..500 => any_status,
        _ => answer.outcome == Outcome::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_an_answer_at_once_and_an_error_of_the_server_is_none() {
        for (status, any_status, expected) in [
            (200, false, true),
            (301, false, true),
            (302, true, true),
            (307, false, true),
            (308, false, true),
            (401, true, true),
            (404, true, true),
            (404, false, false),
            (500, true, false),
            (502, true, false),
            (503, false, false),
        ] {
            let answer = Answer::of_status(status);
            assert_eq!(is_settled(&answer, any_status), expected, "{status}");
        }
    }
}
