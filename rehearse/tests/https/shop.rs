//! An instance that serves HTTPS under load.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use flipless_settings::FrontMode;
use rehearse::load::{self, Load, Manner, Namespace, Plan, Tls};
use rehearse::machine::{Machine, wait_for};
use rehearse::record::{Certificate, Kind, Outcome, Record};
use rehearse::{authority, bundle, image::Suite};
use serde_json::Value;

use crate::authority::{Fault, suffer};
use crate::booted;
use crate::rig::{self, PATIENCE, Rig};

pub const DOMAINS: [&str; 2] = ["shop.test", "www.shop.test"];
pub const RENEWAL: &str = "flipless-certificates.service";

pub struct Shop {
    pub rig: Rig,
    suite: Suite,
    /// The host name in every request.
    host: &'static str,
    /// The clients of HTTPS; `None` as long as nginx serves no HTTPS.
    pub tls: Option<Tls>,
}

impl Shop {
    /// Launches the environment while the authority refuses connections, so nginx sends a self-signed certificate.
    pub fn launch_without_an_authority(suite: Suite) -> Self {
        let bundle = bundle_with_https();
        let mut rig = Rig::with(booted::boot(suite), bundle.clone());
        let settings = bundle::https::settings(&bundle).unwrap();
        assert!(authority::start(rig.engine.instance(), &settings).unwrap());
        suffer(&rig, &Fault::Gone);
        rig.create_environment();
        Self {
            rig,
            suite,
            host: DOMAINS[0],
            tls: Some(Tls::new(https(), DOMAINS[0])),
        }
    }

    /// Makes a shop for versions without `[https]`. The host of requests is not a name of the certificate, because
    /// certbot redirects requests for such names to HTTPS.
    pub fn without_https(machine: Machine, suite: Suite) -> Self {
        let bundle = rig::bundle_with_short_limits(FrontMode::Nginx);
        Self {
            rig: Rig::with(machine, bundle),
            suite,
            host: "localhost",
            tls: None,
        }
    }

    /// Starts clients of every kind, on both ports, and waits for the first requests.
    pub fn load(&self) -> Load {
        let plan = Plan {
            rate: 60,
            host: self.host.into(),
            tls: self.tls.clone(),
            ..Plan::default()
        };
        let load = self.rig.load_of(plan);
        load.wait_for(200, PATIENCE).unwrap();
        load
    }

    /// Plays `act` under load, and asserts that no request failed. Returns the records.
    pub fn under_load(&mut self, what: &str, act: impl FnOnce(&mut Self)) -> Vec<Record> {
        let load = self.load();
        act(self);
        let so_far = load.records_so_far();
        load.wait_for(so_far + 300, PATIENCE).unwrap();
        let records = load.stop().unwrap();
        self.assert_nothing_lost(what, &records);
        records
    }

    /// Asserts that no request failed. An nginx before 1.27.4 may close idle kept connections, so their requests don't
    /// count there.
    fn assert_nothing_lost(&self, what: &str, records: &[Record]) {
        let old = self.suite == Suite::Bookworm;
        let is_idle = |record: &Record| {
            matches!(record.kind, Kind::KeepAlive | Kind::TlsKeepAlive)
                && matches!(record.outcome, Outcome::Closed | Outcome::Reset)
        };
        let lost = rig::lost(records);
        let (idle, lost): (Vec<&Record>, Vec<&Record>) =
            lost.into_iter().partition(|record| old && is_idle(record));
        let [plain, tls] = [false, true].map(|tls| {
            let some = records.iter().filter(|record| record.kind.is_tls() == tls);
            some.count()
        });
        let left = records
            .iter()
            .filter(|record| record.outcome == Outcome::Unprocessed);
        println!(
            "{:?}, {what}: {plain} requests without and {tls} with TLS, {} failed, {} idle closed, {} unprocessed",
            self.suite,
            lost.len(),
            idle.len(),
            left.count()
        );
        let journal = || {
            self.rig
                .say("journalctl -n 40 --no-pager; tail -n 20 /var/log/nginx/error.log")
        };
        let said = || groups(&lost, records);
        assert!(lost.is_empty(), "{what}: {}\n{}", said(), journal());
        let enough = plain > 100 && (tls > 100 || self.tls.is_none());
        assert!(enough, "{what}: {plain} and {tls}");
    }

    /// Returns the certificate that nginx sends now.
    pub fn served(&self) -> Certificate {
        let tls = Tls::none(https(), DOMAINS[0]);
        let namespace = Namespace::of(self.rig.leader()).unwrap();
        let answer = load::get_with_tls(
            &namespace,
            &tls,
            "/health",
            &Manner::default(),
            Duration::from_secs(5),
        );
        answer.unwrap().certificate().unwrap()
    }

    /// Waits until nginx sends another certificate than `before`.
    pub fn wait_for_another(&self, before: Certificate) -> Certificate {
        let other = wait_for(PATIENCE, || {
            Some(self.served()).filter(|now| *now != before)
        });
        other.unwrap_or_else(|| panic!("{}", self.evidence()))
    }

    /// Runs the renewal, and returns whether it succeeded. `force` ignores the dates, and `clock` is the offset of
    /// the program's clock (faketime(1)).
    pub fn renew(&self, force: bool, clock: Option<&str>) -> bool {
        self.change_renewal(force, clock);
        // The timer may already have started the unit without these changes. Then `systemctl start` would only wait for
        // the end of that start.
        let said = self.rig.say(&format!(
            "systemctl restart {RENEWAL} && echo 0 || echo failed"
        ));
        self.restore_renewal();
        said.ends_with('0')
    }

    /// Changes how the unit runs the program, until [`Self::restore_renewal`]. Until then, the timer and deployments
    /// run the program in this way, too.
    pub fn change_renewal(&self, force: bool, clock: Option<&str>) {
        let command = self.rig.say(&format!(
            "sed -n 's/^ExecStart=//p' /etc/systemd/system/{RENEWAL}"
        ));
        assert!(command.contains(" renew "), "{command}");
        let force = if force { " --force" } else { "" };
        let clock = clock.map_or_else(String::new, |offset| {
            let library = self.rig.say("ls /usr/lib/*/faketime/libfaketime.so.1");
            format!("Environment=LD_PRELOAD={library} FAKETIME={offset} FAKETIME_DONT_FAKE_MONOTONIC=1\n")
        });
        self.rig.must(&format!(
            "mkdir -p /run/systemd/system/{RENEWAL}.d && printf '%s' '[Service]\n{clock}ExecStart=\nExecStart={command}{force}\n' \
             >/run/systemd/system/{RENEWAL}.d/override.conf && systemctl daemon-reload"
        ));
    }

    pub fn restore_renewal(&self) {
        self.rig.must(&format!(
            "rm /run/systemd/system/{RENEWAL}.d/override.conf && systemctl daemon-reload"
        ));
    }

    /// Returns the progress that the program for certificates has recorded.
    pub fn progress(&self) -> Value {
        let text = self
            .rig
            .say("cat /var/lib/flipless-certificates/progress.json");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub fn evidence(&self) -> String {
        self.rig.say(&format!(
            "/opt/flipless/bin/flipless status; journalctl -n 60 --no-pager; systemctl status {RENEWAL}"
        ))
    }
}

/// Returns a text with the failures by client and outcome, and with the times of the first and the last failure of each
/// group.
fn groups(lost: &[&Record], all: &[Record]) -> String {
    let mut groups = BTreeMap::new();
    for record in lost {
        let group = groups.entry((record.kind, record.outcome));
        group.or_insert_with(Vec::new).push(record.at);
    }
    let line = |((kind, outcome), times): ((Kind, Outcome), Vec<Duration>)| {
        let (first, last) = (times.first(), times.last());
        format!(
            "{} {kind:?} {outcome:?} from {first:?} to {last:?}\n",
            times.len()
        )
    };
    let lines: String = groups.into_iter().map(line).collect();
    let [from, to] = [all.first(), all.last()].map(|record| record.map(|record| record.at));
    format!("{lines}of a load from {from:?} to {to:?}")
}

pub fn https() -> SocketAddr {
    ([127, 0, 0, 1], 443).into()
}

pub fn bundle_with_https() -> std::path::PathBuf {
    let settings = format!(
        "[https]\ndomains = {DOMAINS:?}\nemail = \"owner@shop.test\"\n\
         [deploy]\ndead-man-seconds = {}\n",
        rig::DEAD_MAN_SECONDS
    );
    let built = rig::built_with(FrontMode::Nginx, &settings);
    let copy = built.with_extension("rehearsed.zip");
    bundle::https::rehearsed(&built, &copy).unwrap();
    copy
}
