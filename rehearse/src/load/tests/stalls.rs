//! A stall of the server or of the load itself must show in the latency of every request that had to wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::server::{OK, Server, answer};
use super::{outcomes, plan, records_of};
use crate::load::client::{Client, Records};
use crate::load::{Plan, open_loop};
use crate::record::{Outcome, Record};

const STALL: Duration = Duration::from_millis(600);
const HALF: Duration = Duration::from_millis(300);

/// At 200 requests per second, 60 fall into the first half of the stall, and wait during the second half.
const MOST_OF_THEM: usize = 45;

#[test]
fn a_stalled_server_delays_every_request_of_the_stall() {
    let from = Instant::now() + HALF;
    let server = Server::start(move |mut stream| {
        let until = from + STALL;
        if Instant::now() > from {
            thread::sleep(until.saturating_duration_since(Instant::now()));
        }
        answer(&mut stream, OK);
    });
    let records = records_of(steady(server.address), 300);
    assert_long(&records);
}

#[test]
fn a_stalled_load_counts_from_the_intended_start() {
    let server = Server::start(|mut stream| _ = answer(&mut stream, OK));
    let (stop, stopping) = watch::channel(false);
    let client = Client {
        plan: Arc::new(steady(server.address)),
        records: Arc::new(Records::new(usize::MAX)),
        zero: Instant::now(),
        stop: stopping,
    };
    let records = Arc::clone(&client.records);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let load = tokio::spawn(open_loop::run(client));
        tokio::time::sleep(HALF).await;
        // Blocks the load's only thread.
        thread::sleep(STALL);
        tokio::time::sleep(HALF).await;
        stop.send_replace(true);
        load.await.unwrap();
    });
    assert_long(&records.take());
}

fn steady(address: std::net::SocketAddr) -> Plan {
    Plan {
        rate: 200,
        ..plan(address)
    }
}

fn assert_long(records: &[Record]) {
    assert!(
        outcomes(records)
            .iter()
            .all(|outcome| *outcome == Outcome::Ok)
    );
    let long = records.iter().filter(|record| record.latency >= HALF);
    let long = long.count();
    assert!(
        long >= MOST_OF_THEM,
        "only {long} of {} waited",
        records.len()
    );
    let gap = records.windows(2).map(|two| two[1].at - two[0].at).max();
    assert_eq!(gap.unwrap().as_millis(), 5, "the rate is kept in the stall");
}
