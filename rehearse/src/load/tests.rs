//! Every kind of client against servers that misbehave.

#![allow(clippy::unwrap_used)]

mod http;
mod http2;
mod long;
mod server;
mod stalls;
mod tls;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Load, LoadError, Manner, Namespace, Plan};
use crate::machine::wait_for;
use crate::record::{Outcome, Record};

/// Long enough even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `plan` until there are `count` records.
fn records_of(plan: Plan, count: usize) -> Vec<Record> {
    let load = Load::start(plan, Namespace::here(), Instant::now()).unwrap();
    load.wait_for(count, LIMIT).unwrap();
    assert!(load.records_so_far() >= count);
    let records = load.stop().unwrap();
    assert!(records.is_sorted_by_key(|record| record.at));
    records
}

#[test]
fn a_load_that_has_reached_a_limit_has_ended() {
    let plan = |longest| Plan {
        longest,
        ..plan(server::unused())
    };
    let start = |longest| Load::start(plan(longest), Namespace::here(), Instant::now()).unwrap();
    let (short, long) = (start(Duration::ZERO), start(LIMIT));
    let ended = wait_for(LIMIT, || short.check().err());
    assert!(matches!(ended, Some(LoadError::Ended)), "{ended:?}");
    assert!(long.check().is_ok());
    assert!(matches!(short.stop(), Err(LoadError::Limit(_))));
    long.stop().unwrap();
}

fn plan(address: SocketAddr) -> Plan {
    Plan {
        address,
        keep_alive_pause: Duration::from_millis(20),
        ..Plan::none()
    }
}

fn outcomes(records: &[Record]) -> Vec<Outcome> {
    records.iter().map(|record| record.outcome).collect()
}

/// The outcome of a single GET request; `None` for a complete answer.
fn single(address: SocketAddr, timeout: Duration) -> Option<Outcome> {
    match super::get(
        &Namespace::here(),
        address,
        "/",
        &Manner::default(),
        timeout,
    ) {
        Ok(_) => None,
        Err(LoadError::NoAnswer { outcome, .. }) => Some(outcome),
        Err(error) => panic!("{error}"),
    }
}
