//! Connections that stay open and carry one request after another.

use std::time::{Duration, Instant};

use super::client::Client;
use super::request::{Answer, Connection, Fault};
use crate::record::Kind;

/// The longest pause between two requests on a kept connection.
pub const LONGEST_PAUSE: Duration = Duration::from_millis(3000);

/// Runs client `index`. It keeps a connection until the server sends `Connection: close`, or until a request fails.
///
/// The client never checks whether the connection is still open. If the server closes an idle connection without
/// notice, the next request fails.
pub(super) async fn run(client: Client, kind: Kind, index: usize) {
    let mut kept = None;
    let mut at = Instant::now();
    for number in 0.. {
        if client.is_stopping() {
            return;
        }
        let exchange = ask(&client, kind, &mut kept);
        let result = client.within(at, Duration::ZERO, exchange).await;
        if !matches!(&result, Ok(answer) if !answer.closes && !answer.cut()) {
            kept = None;
        }
        client.ended(kind, at, &result).await;
        at = Instant::now() + pause(client.plan.keep_alive_pause, index, number);
        tokio::select! {
            () = tokio::time::sleep_until(at.into()) => {}
            () = client.stopped() => {}
        }
    }
}

async fn ask(client: &Client, kind: Kind, kept: &mut Option<Connection>) -> Result<Answer, Fault> {
    let request = client.get(&client.plan.path)?;
    let connection = match kept {
        Some(connection) => connection,
        None => kept.insert(Connection::over(client.dial(kind).await?).await?),
    };
    connection.exchange(request).await
}

/// Returns the pause before the next request. Every fourth connection is idle for 1 to 3 s between requests, so that
/// some connections are idle at every handover.
pub(super) fn pause(usual: Duration, index: usize, number: u64) -> Duration {
    match index % 4 {
        3 => Duration::from_millis(1000 + (number * 700) % 2001),
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fourth_connection_is_idle_for_seconds() {
        let usual = Duration::from_millis(50);
        for number in 0..100 {
            assert_eq!(pause(usual, 4, number), usual);
            let long = pause(usual, 7, number);
            let range = Duration::from_secs(1)..=LONGEST_PAUSE;
            assert!(range.contains(&long), "{long:?}");
        }
    }
}
