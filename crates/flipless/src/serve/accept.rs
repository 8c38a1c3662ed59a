//! The accept loop. No error ends it.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::drain::Lifecycle;
use crate::notice;

/// The pause after an error such as "Too many open files". Meanwhile connections wait in the backlog.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A TCP or Unix listener.
pub(super) trait Accept {
    type Stream;
    async fn accept(&self) -> io::Result<Self::Stream>;
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        // hyper writes answers whole, so Nagle's algorithm would only delay their last segment. The call
        // fails only if the client has already closed the connection.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        UnixListener::accept(self).await.map(|(stream, _)| stream)
    }
}

/// Passes every connection to `serve` until the drain begins.
pub(super) async fn accept_all<L: Accept>(
    listener: &L,
    lifecycle: &Lifecycle,
    mut serve: impl FnMut(L::Stream),
) {
    let mut draining = pin!(lifecycle.drain_began());
    let mut failing = false;
    loop {
        // tokio's `accept` is cancel safe: this `select!` loses no connection.
        let accepted = tokio::select! {
            biased;
            () = &mut draining => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(stream) => {
                failing = false;
                serve(stream);
            }
            Err(error) if is_of_connection(&error) => {}
            Err(error) => {
                if !failing {
                    notice::say(format_args!("can't accept connections for now: {error}"));
                }
                failing = true;
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Returns whether the error concerns one connection, and not the listener. accept(2) also returns such errors, and its
/// manual page says to treat them like EAGAIN.
fn is_of_connection(error: &io::Error) -> bool {
    use io::ErrorKind::*;
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | HostUnreachable
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Returns the scripted results, then waits forever.
    struct Scripted(RefCell<Vec<io::Result<u8>>>);

    impl Accept for Scripted {
        type Stream = u8;

        async fn accept(&self) -> io::Result<u8> {
            let next = self.0.borrow_mut().pop();
            match next {
                Some(result) => result,
                None => std::future::pending().await,
            }
        }
    }

    #[tokio::test]
    async fn no_error_ends_the_loop() {
        // EMFILE, ENFILE, ENOMEM, ECONNABORTED, EPROTO
        let errors = [24, 23, 12, 103, 71].map(|code| Err(io::Error::from_raw_os_error(code)));
        let mut script: Vec<_> = errors.into_iter().collect();
        script.insert(0, Ok(1));
        let (listener, lifecycle) = (Scripted(RefCell::new(script)), Lifecycle::new());
        let mut served = Vec::new();
        let ending = lifecycle.clone();
        accept_all(&listener, &lifecycle, |stream| {
            served.push(stream);
            ending.begin_drain();
        })
        .await;
        assert_eq!(served, [1]);
    }
}
