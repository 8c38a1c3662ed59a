//! A stall of the server or of the load itself must show in the latency of every request that had to wait.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::server::{OK, Server, answer};
use super::{outcomes, plan, records_of};
use crate::load::client::{Client, Records};
use crate::load::{Load, Namespace, Plan, open_loop};
use crate::record::{Kind, Outcome, Record};

const STALL: Duration = Duration::from_millis(600);
const HALF: Duration = Duration::from_millis(300);

const RATE: u32 = 200;

/// At 200 requests per second, 60 requests fall into the first half of the stall. They wait during the whole second
/// half. The tests require this many of them.
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
        dialer: None,
        // The timeout is shorter than the load's stall, but the server itself answers in time.
        plan: Arc::new(Plan {
            timeout: STALL - Duration::from_millis(100),
            ..steady(server.address)
        }),
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
        let load = tokio::spawn(open_loop::run(client, Kind::New, RATE));
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
        rate: RATE,
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

/// The server answers only after the witness was called.
#[test]
fn a_witness_sees_the_instance_while_requests_wait() {
    let (called, calls) = std::sync::mpsc::channel();
    let waits = std::sync::Mutex::new(Some(calls));
    let server = Server::start(move |mut stream| {
        if let Some(calls) = waits.lock().unwrap().take() {
            assert_eq!(calls.recv_timeout(super::LIMIT), Ok(1));
        }
        answer(&mut stream, OK);
    });
    let one = Plan {
        keep_alive: 1,
        timeout: super::LIMIT,
        ..plan(server.address)
    };
    let load = Load::start(one, Namespace::here(), Instant::now()).unwrap();
    // In a later call, sending fails, because the receiver was dropped.
    load.when_late(move |number| _ = called.send(number));
    load.wait_for(1, super::LIMIT).unwrap();
    let first = load.stop().unwrap().remove(0);
    assert_eq!(first.outcome, Outcome::Ok);
    assert!(first.latency > Duration::from_secs(2), "{first:?}");
}
