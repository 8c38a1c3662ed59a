//! New connections at a fixed rate, independent of the answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::Client;
use super::request;
use crate::record::{Kind, Outcome};

/// A late load starts this many requests in a row, and then lets the requests in flight continue. If it did so after
/// each request, the loop with the highest rate would fall further and further behind on a busy machine.
const IN_A_TURN: u64 = 8;
/// The highest number of requests in flight. A real load balancer would fail with more. Each further request is
/// recorded as a timeout.
const MOST_IN_FLIGHT: usize = 5000;

/// Sends the nth request at the time n/rate. So a stall neither delays nor hides a request (coordinated omission).
pub(super) async fn run(client: Client, kind: Kind, rate: u32) {
    let start = Instant::now();
    let room = Arc::new(Semaphore::new(MOST_IN_FLIGHT));
    let mut requests = JoinSet::new();
    for number in 0.. {
        let at = start + intended(number, rate);
        tokio::select! {
            biased;
            () = client.stopped() => break,
            () = tokio::time::sleep_until(at.into()) => {}
        }
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                let client = client.clone();
                requests.spawn(async move {
                    send(&client, kind, at).await;
                    drop(permit);
                });
            }
            Err(_) => client.record(kind, at, Outcome::Timeout, None),
        }
        while requests.try_join_next().is_some() {}
        // If the load is late, many requests are due at once. `yield_now` lets the requests in flight continue.
        if number % IN_A_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    while requests.join_next().await.is_some() {}
}

fn intended(number: u64, rate: u32) -> Duration {
    Duration::from_nanos(number.saturating_mul(1_000_000_000) / u64::from(rate.max(1)))
}

async fn send(client: &Client, kind: Kind, at: Instant) {
    let exchange = async {
        let request = client.get(&client.plan.path)?;
        request::once(client.dial(kind).await?, request).await
    };
    // If this moment is later than `at`, the cause is a busy machine and never the server. So the time limit begins
    // now. The latency counts from `at`.
    let result = client
        .within(Instant::now(), Duration::ZERO, exchange)
        .await;
    client.ended(kind, at, &result).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_multiples_of_the_interval() {
        assert_eq!(intended(0, 200), Duration::ZERO);
        assert_eq!(intended(1, 200), Duration::from_millis(5));
        assert_eq!(intended(3, 3), Duration::from_secs(1));
        assert_eq!(intended(1, 3), Duration::from_nanos(333_333_333));
    }
}
