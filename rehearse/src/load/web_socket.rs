//! WebSockets whose messages the server echoes.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::client::Client;
use super::request::{Fault, Stream, fault_of_io, run_of};
use crate::record::{Kind, Outcome};

const BETWEEN: Duration = Duration::from_millis(100);

type Socket = WebSocketStream<Stream>;

/// The next event from the server.
enum Next {
    Text(String),
    /// The server has sent a close frame. The value says whether the code of the frame is normal.
    Goodbye(Outcome),
}

/// Opens one WebSocket after another. Each message gives a record. If the server ends the WebSocket, the end gives a
/// record, too.
pub(super) async fn run(client: Client) {
    while !client.is_stopping() {
        let at = Instant::now();
        match client.within(at, Duration::ZERO, open(&client)).await {
            Ok((socket, run)) => talk(&client, socket, run).await,
            Err(fault) => client.ended(Kind::WebSocket, at, &Err(fault)).await,
        }
    }
}

async fn open(client: &Client) -> Result<(Socket, Option<String>), Fault> {
    let (stream, _) = client.dial(Kind::WebSocket).await?;
    let address = format!("ws://{}/echo", client.plan.host);
    let mut request = address.into_client_request().map_err(fault)?;
    request
        .headers_mut()
        .extend(client.plan.manner.headers.clone());
    let (socket, answer) = client_async(request, stream).await.map_err(fault)?;
    Ok((socket, run_of(answer.headers())))
}

async fn talk(client: &Client, mut socket: Socket, run: Option<String>) {
    let mut last = Instant::now();
    for number in 0_u64.. {
        // An idle client reads the server's close frame at once.
        let end = tokio::select! {
            () = tokio::time::sleep(BETWEEN) => None,
            next = next(&mut socket) => Some(next),
            () = client.stopped() => return leave(client, socket).await,
        };
        let end = match end {
            Some(end) => end,
            None => {
                last = Instant::now();
                let echo = echo(&mut socket, number);
                client.within(last, Duration::ZERO, echo).await
            }
        };
        match end {
            Ok(Next::Text(text)) => {
                let right = text == number.to_string();
                let outcome = if right {
                    Outcome::Ok
                } else {
                    Outcome::Truncated
                };
                client.record(Kind::WebSocket, last, outcome, run.clone());
                last = Instant::now();
            }
            Ok(Next::Goodbye(outcome)) => {
                client.record(Kind::WebSocket, last, outcome, run);
                return leave(client, socket).await;
            }
            Err(fault) => {
                client.fault(Kind::WebSocket, last, &fault, run);
                return client.rest().await;
            }
        }
    }
}

/// Sends a message, and returns the server's answer. A close frame instead of the echo is not a loss, because it tells
/// the client that the server did not read the message.
async fn echo(socket: &mut Socket, number: u64) -> Result<Next, Fault> {
    let sent = socket.send(Message::text(number.to_string())).await;
    match (sent, next(socket).await) {
        // Data that arrived before the connection broke still counts, even a close frame.
        (_, Ok(next)) => Ok(next),
        (Err(error), Err(_)) => Err(fault(error)),
        (Ok(()), Err(fault)) => Err(fault),
    }
}

async fn next(socket: &mut Socket) -> Result<Next, Fault> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return Ok(Next::Text(text.to_string())),
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map_or(CloseCode::Status, |frame| frame.code);
                return Ok(Next::Goodbye(judge(code)));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(fault(error)),
            None => return Err(Fault::Server(Outcome::Closed)),
        }
    }
}

/// Returns the outcome of a close frame. Normal codes are: done, going away, no code (RFC 6455, 7.4.1), and 1012 for a
/// restart. Any other code is a failure.
fn judge(code: CloseCode) -> Outcome {
    match code {
        CloseCode::Normal | CloseCode::Away | CloseCode::Status | CloseCode::Restart => Outcome::Ok,
        _ => Outcome::Closed,
    }
}

/// Sends a close frame or answers the server's, and lets the server close the connection first (RFC 6455, 7.1.1).
async fn leave(client: &Client, mut socket: Socket) {
    let goodbye = async {
        // If the server has sent a close frame, the answer is already sent.
        let _ = socket.close(None).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    // No message is in flight any more, so the result does not matter.
    let _ = tokio::time::timeout(client.plan.timeout, goodbye).await;
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Io(error) => fault_of_io(error, Outcome::Closed),
        Error::Http(answer) => Fault::Server(Outcome::Status(answer.status().as_u16())),
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::HandshakeIncomplete,
        ) => Fault::Server(Outcome::Closed),
        _ => Fault::Server(Outcome::Truncated),
    }
}
