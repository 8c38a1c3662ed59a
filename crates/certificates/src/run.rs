//! The work of one call of `renew`: decides, asks the authority, orders, checks and stores. The timer starts many calls
//! that have nothing to do, so the log gets only lines that are new. At a terminal, a call prints every line.

use std::io::{IsTerminal, stderr};

use flipless_settings::Https;

use crate::certificate::Certificate;
use crate::client::RetryAfter;
use crate::clock::{self, DAY, HOUR};
use crate::failure::Failure;
use crate::options::Options;
use crate::ordering::Ordering;
use crate::progress::{Progress, Suggestion, Wanted};
use crate::schedule::{self, Decision, Reason};
use crate::{entry, tls};

/// The inputs of a call.
pub struct Run<'a> {
    /// The command line.
    pub options: &'a Options,
    /// The settings.
    pub settings: &'a Https,
    /// The progress of earlier calls.
    pub progress: &'a mut Progress,
    /// How long the authority asks to wait.
    pub retry_after: &'a RetryAfter,
    /// The certificate that the settings ask for.
    pub wanted: Wanted,
    /// The current time, in seconds since 1970.
    pub now: u64,
    /// The certificate that the instance has now, if there is one.
    pub current: Option<Certificate>,
}

impl Run<'_> {
    /// Decides what to do, and does it.
    ///
    /// # Errors
    /// If an order was due, and there is no new certificate.
    pub async fn go(&mut self) -> Result<(), Failure> {
        let mut decision = self.decide();
        if decision == Decision::Ask {
            self.ask().await;
            decision = self.decide();
        }
        match decision {
            Decision::Order(reason) => {
                eprintln!("ordering a certificate for {}: {reason}", self.wanted.names);
                // An error in the answer to the request of `ask` must not delay the order.
                self.retry_after.forget();
                let ordering = Ordering {
                    options: self.options,
                    settings: self.settings,
                    wanted: &self.wanted,
                    progress: self.progress,
                    retry_after: self.retry_after,
                    now: self.now,
                    current: self.current.as_ref(),
                };
                self.current = Some(ordering.run().await?);
                self.report();
            }
            Decision::Wait { until, because } => self.wait(until, because),
            Decision::Rest { .. } | Decision::Ask => {
                self.progress.forget_failures();
                self.report();
            }
        }
        Ok(())
    }

    fn decide(&self) -> Decision {
        if self.options.force {
            return Decision::Order(Reason::Forced);
        }
        let current = self.current.as_ref().and_then(Certificate::current);
        schedule::decide(
            self.now,
            self.settings,
            &self.wanted,
            current.as_ref(),
            self.progress,
        )
    }

    /// Prints until when the certificate is valid, and when its renewal is due.
    fn report(&mut self) {
        let Some(current) = self.current.as_ref().and_then(Certificate::current) else {
            return;
        };
        let renew_at = schedule::renew_at(&current, self.progress);
        let is_new = self.progress.renew_at.replace(renew_at) != Some(renew_at);
        self.progress.next_try = Some(renew_at);
        if is_new || stderr().is_terminal() {
            eprintln!(
                "the certificate for {} is valid until {}; its renewal is due at {}",
                current.names,
                clock::text(current.not_after),
                clock::text(renew_at)
            );
        }
    }

    /// Prints why an order that is due has to wait. After a failure, the log and the progress already have the reason.
    fn wait(&mut self, until: u64, because: String) {
        let is_new = self.progress.next_try.replace(until) != Some(until);
        if is_new || stderr().is_terminal() {
            eprintln!("{because}; the next try is at {}", clock::text(until));
        }
        if is_new {
            self.progress.last_error = Some(because);
        }
    }

    /// Asks the authority when to renew the certificate. If the authority suggests no time, the renewal is due at two
    /// thirds of the certificate's life.
    async fn ask(&mut self) {
        let Some(current) = self.current.as_ref().and_then(Certificate::current) else {
            return;
        };
        let known = self
            .progress
            .suggestion
            .take()
            .filter(|known| known.id == current.id);
        let (at, delay) = match self.suggestion().await {
            Ok(Some((at, delay))) => (Some(at), delay.clamp(HOUR, DAY)),
            Ok(None) => (None, DAY),
            Err(failure) => {
                eprintln!("the authority does not say when to renew the certificate: {failure}");
                (known.and_then(|known| known.at), 6 * HOUR)
            }
        };
        self.progress.suggestion = Some(Suggestion {
            id: current.id,
            at,
            ask_at: self.now + delay,
        });
    }

    async fn suggestion(&self) -> Result<Option<(u64, u64)>, Failure> {
        let Some(identifier) = self.current.as_ref().and_then(Certificate::identifier) else {
            return Ok(None);
        };
        let roots = tls::roots(self.settings.trusted_root.as_deref())?;
        let authority = entry::enter(self.options, self.settings, self.retry_after, &roots).await?;
        authority.suggestion(&identifier).await
    }
}
