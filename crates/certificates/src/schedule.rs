//! Decides whether an order is due. The decision is a pure function of the time, the settings, the certificate and the
//! progress.

use std::fmt;

use flipless_settings::Https;

use crate::back_off::LONGEST;
use crate::clock::{DAY, MINUTE};
use crate::names::Names;
use crate::progress::{Open, Progress, WEEK, Wanted};

/// Let's Encrypt issues 5 certificates for the same set of names in 7 days
/// (<https://letsencrypt.org/docs/rate-limits/>), and no owner can have this limit raised.
const PER_WEEK: usize = 5;
/// If a certificate becomes valid more than this time after now, some clock is wrong.
const SKEW: u64 = DAY;

/// The certificate at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current {
    /// The certificate's identifier.
    pub id: String,
    /// The certificate's names.
    pub names: Names,
    /// When the certificate becomes valid.
    pub not_before: u64,
    /// When the certificate expires.
    pub not_after: u64,
}

impl Current {
    /// Returns the longest wait for another try, if the wait begins at `at`. A renewal must not wait for a weekly
    /// limit if the certificate is valid for only a day. Authorities with a weekly limit issue certificates for
    /// several weeks.
    pub fn patience(&self, at: u64) -> u64 {
        let life = self.not_after.saturating_sub(self.not_before);
        let left = self.not_after.saturating_sub(at);
        (left / 2).max(life / 6).max(10 * MINUTE)
    }
}

/// What a call of `renew` does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It does nothing, and sends no request, because the certificate needs no renewal yet.
    Rest {
        /// When the renewal is due.
        until: u64,
    },
    /// It does nothing, although an order is due.
    Wait {
        /// When to try again.
        until: u64,
        /// Why the order has to wait.
        because: String,
    },
    /// It asks the authority when to renew the certificate, and decides again.
    Ask,
    /// It orders a certificate.
    Order(Reason),
}

/// Why an order is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There is no certificate.
    First,
    /// The certificate has other names.
    Names,
    /// The certificate was ordered from another authority, with another profile, or with more names than wanted.
    Settings,
    /// The certificate is not valid yet.
    Clock,
    /// The time that the authority has suggested for the renewal has come.
    Suggested,
    /// Two thirds of the certificate's life are over.
    Life,
    /// The option `--force` is set.
    Forced,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::First => "no authority has issued a certificate yet",
            Self::Names => "the certificate lacks a domain",
            Self::Settings => "the domains, the authority or the profile have changed",
            Self::Clock => "the certificate is not valid yet",
            Self::Suggested => "the authority asks for a renewal",
            Self::Life => "two thirds of the certificate's life are over",
            Self::Forced => "the renewal is forced",
        })
    }
}

/// Decides what to do now.
pub fn decide(
    now: u64,
    settings: &Https,
    wanted: &Wanted,
    current: Option<&Current>,
    progress: &Progress,
) -> Decision {
    let reason = match due(now, wanted, current, progress) {
        Ok(reason) => reason,
        Err(rest) => return rest,
    };
    if let Some(until) = held_back(now, settings, current, progress) {
        let failures = progress.failures;
        return Decision::Wait {
            until,
            because: format!("{reason}; failures in a row: {failures}"),
        };
    }
    match limited(now, wanted, current, reason, progress) {
        Some(until) => Decision::Wait {
            until,
            because: format!(
                "{reason}, but {PER_WEEK} certificates for the same domains were ordered in 7 days, which is the \
                 limit of Let's Encrypt"
            ),
        },
        None => Decision::Order(reason),
    }
}

/// Returns when the certificate is due for renewal: at two thirds of its life, or earlier if the authority suggests an
/// earlier time.
pub fn renew_at(current: &Current, progress: &Progress) -> u64 {
    let by_life = by_life(current);
    suggested(current, progress).map_or(by_life, |at| at.min(by_life))
}

fn by_life(current: &Current) -> u64 {
    let life = current.not_after.saturating_sub(current.not_before);
    current.not_before.saturating_add(life - life / 3)
}

fn suggested(current: &Current, progress: &Progress) -> Option<u64> {
    let suggestion = progress.suggestion.as_ref()?;
    (suggestion.id == current.id).then_some(suggestion.at)?
}

/// Returns why an order is due. If no order is due, the error is the decision what to do instead.
fn due(
    now: u64,
    wanted: &Wanted,
    current: Option<&Current>,
    progress: &Progress,
) -> Result<Reason, Decision> {
    let Some(current) = current else {
        return Ok(Reason::First);
    };
    let origin = progress
        .origin
        .as_ref()
        .filter(|origin| origin.id == current.id);
    if !current.names.contain(&wanted.names) {
        return Ok(Reason::Names);
    }
    if origin.is_some_and(|origin| origin.wanted != *wanted) {
        return Ok(Reason::Settings);
    }
    if current.not_before > now.saturating_add(SKEW) {
        return of_tomorrow(now, current, progress);
    }
    if now >= by_life(current) {
        return Ok(Reason::Life);
    }
    if suggested(current, progress).is_some_and(|at| now >= at) {
        return Ok(Reason::Suggested);
    }
    if origin.is_some() && asks(now, current, progress) {
        return Err(Decision::Ask);
    }
    Err(Decision::Rest {
        until: renew_at(current, progress),
    })
}

/// Decides what to do about a certificate that is not valid yet. If this instance's clock was set back after the order,
/// a new order may help. Otherwise the authority's clock is ahead of this clock, and a new certificate would not be
/// valid yet either.
fn of_tomorrow(now: u64, current: &Current, progress: &Progress) -> Result<Reason, Decision> {
    match progress.last_success {
        Some(at) if at <= now => Err(Decision::Wait {
            until: current.not_before,
            because: format!(
                "{}; is the clock of this instance behind the authority's?",
                Reason::Clock
            ),
        }),
        _ => Ok(Reason::Clock),
    }
}

/// Returns whether to ask the authority again when to renew the certificate.
fn asks(now: u64, current: &Current, progress: &Progress) -> bool {
    let suggestion = progress.suggestion.as_ref();
    let known = suggestion.filter(|suggestion| suggestion.id == current.id);
    // If `ask_at` is more than a day away, the clock was ahead when the program wrote this time.
    known.is_none_or(|known| now >= known.ask_at || known.ask_at - now > DAY)
}

/// Returns until when a failure keeps the program from trying again; `None` if the program may try now. A failure in
/// the future, or a wait above [`LONGEST`], does not count: the clock was ahead when the program recorded the failure.
fn held_back(
    now: u64,
    settings: &Https,
    current: Option<&Current>,
    progress: &Progress,
) -> Option<u64> {
    let (failed, until) = (progress.last_try?, progress.next_try?);
    let patience = current.map_or(u64::MAX, |current| current.patience(failed));
    let until = until.min(failed.saturating_add(patience));
    let counts = progress.failures > 0
        && progress.tried.as_ref() == Some(settings)
        && (failed..until).contains(&now)
        && until - failed <= LONGEST;
    counts.then_some(until)
}

/// Returns the open order that the next try continues; `None` if there is no such order, or the order is for other
/// settings or too old.
pub fn resumable<'a>(
    now: u64,
    wanted: &Wanted,
    current: Option<&Current>,
    progress: &'a Progress,
) -> Option<&'a Open> {
    let open = progress
        .order
        .as_ref()
        .filter(|open| open.wanted == *wanted)?;
    let patience = current.map_or(WEEK, |current| current.patience(open.since));
    let end = open.since.saturating_add(patience.min(WEEK));
    (open.since..end).contains(&now).then_some(open)
}

/// Returns until when an order has to wait for the authority's weekly limit; `None` if the order need not wait. If the
/// reason is [`Reason::Life`], the certificates that were stored do not count, because a private authority may issue
/// certificates that are valid for a day. An open order that the program has already asked the authority to complete
/// need not wait, because this order is already counted.
fn limited(
    now: u64,
    wanted: &Wanted,
    current: Option<&Current>,
    reason: Reason,
    progress: &Progress,
) -> Option<u64> {
    if resumable(now, wanted, current, progress).is_some_and(|open| open.finalized) {
        return None;
    }
    let counts = progress.issued.iter().filter(|issue| {
        issue.directory == wanted.directory
            && issue.names == wanted.names
            && (issue.at..issue.at.saturating_add(WEEK)).contains(&now)
            && !(reason == Reason::Life && issue.stored)
    });
    let mut times: Vec<u64> = counts.map(|issue| issue.at).collect();
    times.sort_unstable();
    let decisive = times.len().checked_sub(PER_WEEK)?;
    let last = *times.last()?;
    let patience = current.map_or(u64::MAX, |current| current.patience(last));
    let until = (times[decisive] + WEEK).min(last.saturating_add(patience));
    (now < until).then_some(until)
}

#[cfg(test)]
mod tests;
