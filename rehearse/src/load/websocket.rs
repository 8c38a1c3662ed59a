//! WebSocket conversations: every message must come back.

use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::clients::{Shared, breathe};
use super::http::{self, Answer};
use super::outcome;
use super::sample::{Kind, Outcome};

const LIMIT: Duration = Duration::from_secs(30);
const MESSAGES: usize = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// One conversation of two seconds after the other.
pub(super) async fn converse(shared: Rc<Shared>) {
    while shared.goes_on() {
        let at = shared.clock.now();
        let answer = http::within(LIMIT, async {
            match conversation(&shared, MESSAGES).await {
                Ok(run) => Answer {
                    run,
                    ..Answer::failed(Outcome::Ok)
                },
                Err(outcome) => Answer::failed(outcome),
            }
        })
        .await;
        breathe(&answer).await;
        shared.record(Kind::WebSocket, at, answer);
    }
}

/// Sends messages and reads each back; the run that answered.
pub(super) async fn conversation(
    shared: &Shared,
    messages: usize,
) -> Result<Option<String>, Outcome> {
    let address = shared.plan.address;
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| outcome::of_io(&error))?;
    let url = format!("ws://{address}/echo");
    let (mut socket, response) = tokio_tungstenite::client_async(url, stream)
        .await
        .map_err(|error| before_start(&error))?;
    for number in 0..messages {
        let message = Message::text(number.to_string());
        socket
            .send(message.clone())
            .await
            .map_err(|_| Outcome::Truncated)?;
        match socket.next().await {
            Some(Ok(echo)) if echo == message => sleep(PAUSE).await,
            _ => return Err(Outcome::Truncated),
        }
    }
    // The conversation is complete, however the server says goodbye.
    let _ = socket.close(None).await;
    let run = response.headers().get("x-flipless-run");
    Ok(run.and_then(|run| run.to_str().ok()).map(str::to_owned))
}

fn before_start(error: &Error) -> Outcome {
    match error {
        Error::Io(error) => outcome::of_io(error),
        Error::Http(response) => Outcome::Status(response.status().as_u16()),
        _ => Outcome::Closed,
    }
}
