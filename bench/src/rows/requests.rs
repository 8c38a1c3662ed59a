//! Requests per second of the library against its peers.

use std::time::Duration;

use crate::context::Context;
use crate::figure::{Budget, Figure, Pair};
use crate::load::{Manner, rate};
use crate::measurement::Measurement;
use crate::peer::Kind;
use crate::row::{Row, Samples, Trouble};
use crate::server::Server;

/// The share of the peer's requests per second that the library must reach.
const SHARE: Budget = Budget::AtLeast(0.97);

pub const MEASUREMENT: Measurement = Measurement {
    rows: &[
        Row {
            name: "requests-hyper",
            what: "requests/s on keep-alive connections, against bare hyper",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
        Row {
            name: "connections-hyper",
            what: "requests/s with a new connection for each, against bare hyper",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
        Row {
            name: "requests-axum",
            what: "requests/s on keep-alive connections, against axum::serve",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
        Row {
            name: "connections-axum",
            what: "requests/s with a new connection for each, against axum::serve",
            unit: "/s",
            figure: Figure::Ratio,
            budget: SHARE,
        },
    ],
    samples,
};

/// The number of threads of each server.
const THREADS: usize = 2;
/// The number of clients.
const CLIENTS: usize = 16;
/// How long the bench measures one side before it changes to the other side. The time is short, so that other
/// programs on the machine slow both sides down alike.
const TURN: Duration = Duration::from_millis(250);
/// How many turns each side has in one run.
const TURNS: u32 = 4;

fn samples(context: &Context) -> Result<Vec<Samples>, Trouble> {
    let mut all = Vec::new();
    for (ours, peer) in [
        (Kind::Flipless, Kind::Hyper),
        (Kind::FliplessAxum, Kind::Axum),
    ] {
        let (ours, peer) = (Server::start(ours, THREADS)?, Server::start(peer, THREADS)?);
        for manner in [Manner::KeepAlive, Manner::NewConnections] {
            // Both sides warm up.
            alternate(&ours, &peer, manner)?;
            let pairs = context.each_run(|_| alternate(&ours, &peer, manner))?;
            all.push(pairs.into());
        }
    }
    Ok(all)
}

/// Measures both sides in turns. Returns their requests per second.
pub fn alternate(ours: &Server, peer: &Server, manner: Manner) -> anyhow::Result<Pair> {
    let mut pair = Pair {
        ours: 0.0,
        peer: 0.0,
    };
    for _ in 0..TURNS {
        pair.ours += rate(ours.address, CLIENTS, manner, TURN)? / f64::from(TURNS);
        pair.peer += rate(peer.address, CLIENTS, manner, TURN)? / f64::from(TURNS);
    }
    Ok(pair)
}
