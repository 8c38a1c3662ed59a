//! Requests that take seconds; some are always in flight.

use std::time::{Duration, Instant};

use super::client::Client;
use super::request;
use crate::record::Kind;

const TAKES: Duration = Duration::from_millis(1500);

/// Runs client `index`. The clients start at different times, so that some requests are always near their end.
pub(super) async fn run(client: Client, index: usize) {
    let share = index as f64 / client.plan.slow.max(1) as f64;
    client.pause(TAKES.mul_f64(share)).await;
    let path = format!("/slow?ms={}", TAKES.as_millis());
    while !client.is_stopping() {
        let at = Instant::now();
        let exchange =
            async { request::once(client.dial(Kind::Slow).await?, client.get(&path)?).await };
        let result = client.within(at, TAKES, exchange).await;
        client.ended(Kind::Slow, at, &result).await;
    }
}
