//! Instructions and allocations per request, counted by valgrind. Unlike times, these numbers do not depend on the load
//! of the machine.

use std::io::Read;

use anyhow::Context as _;
use rustix::process::Signal;

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::load::Connection;
use crate::measurement::Measurement;
use crate::peer::Kind;
use crate::process::require;
use crate::row::{Row, Samples, Trouble};
use crate::server::Server;

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "instructions-hyper",
            what: "instructions per request on a keep-alive connection, against bare hyper",
            unit: "",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.03),
        },
        Row {
            name: "instructions-axum",
            what: "instructions per request on a keep-alive connection, against axum::serve",
            unit: "",
            figure: Figure::Ratio,
            budget: Budget::AtMost(1.03),
        },
        Row {
            name: "allocations-hyper",
            what: "allocations per request on a keep-alive connection, minus those of bare hyper",
            unit: "",
            figure: Figure::Difference,
            budget: Budget::AtMost(0.01),
        },
        Row {
            name: "allocations-axum",
            what: "allocations per request on a keep-alive connection, minus those of axum::serve",
            unit: "",
            figure: Figure::Difference,
            budget: Budget::AtMost(0.01),
        },
    ],
    samples,
};

/// A tool of valgrind that counts something.
struct Counter {
    words: &'static [&'static str],
    /// The text before the number in the tool's report.
    before: &'static str,
}

const INSTRUCTIONS: Counter = Counter {
    words: &[
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
    ],
    before: "Collected : ",
};
const ALLOCATIONS: Counter = Counter {
    words: &[
        "valgrind",
        "--tool=memcheck",
        "--leak-check=no",
        "--undef-value-errors=no",
    ],
    before: "total heap usage: ",
};

/// The numbers of requests in the two runs. The difference between the runs excludes the server's start and end.
const FEW: u32 = 200;
const MANY: u32 = 1200;

fn samples(_: &Context) -> Result<Vec<Samples>, Trouble> {
    require("valgrind", "valgrind")?;
    let mut all = Vec::new();
    for counter in [INSTRUCTIONS, ALLOCATIONS] {
        for (ours, peer) in [
            (Kind::Flipless, Kind::Hyper),
            (Kind::FliplessAxum, Kind::Axum),
        ] {
            // One run is enough: the counts of two runs differ by less than one in a thousand.
            let pair = Pair {
                ours: counter.per_request(ours)?,
                peer: counter.per_request(peer)?,
            };
            all.push(vec![pair].into());
        }
    }
    Ok(all)
}

impl Counter {
    fn per_request(&self, kind: Kind) -> anyhow::Result<f64> {
        let more = self.count(kind, MANY)? - self.count(kind, FEW)?;
        Ok(more / f64::from(MANY - FEW))
    }

    /// Counts what a server with one thread needs for this number of requests, including its start and its end.
    fn count(&self, kind: Kind, requests: u32) -> anyhow::Result<f64> {
        let mut server = Server::start_under(self.words, kind, 1)?;
        let mut connection = Connection::open(server.address)?;
        for _ in 0..requests {
            connection.request()?;
        }
        drop(connection);
        server.process.signal(Signal::TERM)?;
        server.process.ended()?;
        let mut text = String::new();
        if let Some(stderr) = &mut server.process.0.stderr {
            stderr.read_to_string(&mut text)?;
        }
        let found = text.lines().find_map(|line| line.split_once(self.before));
        let (_, rest) = found.with_context(|| format!("valgrind printed no count: {text}"))?;
        let number = rest
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .replace(',', "");
        Ok(number.parse()?)
    }
}
