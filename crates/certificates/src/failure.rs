//! Why a call of the program fails.

use std::io;
use std::path::PathBuf;

use instant_acme::Problem;
use thiserror::Error;

use crate::back_off::Kind;
use crate::candidate::Refusal;
use crate::client::NoAcme;
use crate::names::Unfit;
use crate::problem::{self, Meaning};

/// Why a call of the program fails.
#[derive(Debug, Error)]
pub enum Failure {
    /// No authority can confirm the domains.
    #[error(transparent)]
    Names(#[from] Unfit),
    /// A file can't be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    /// The system has too few resources.
    #[error("the program's runtime can't start: {0}")]
    Runtime(#[source] io::Error),
    /// Another call of `renew` is under way.
    #[error("another call of `flipless-certificates renew` is under way")]
    Locked,
    /// The file of a challenge can't be written.
    #[error("the file of a challenge can't be written: {0}")]
    Challenge(#[source] io::Error),
    /// The kernel gives no random bytes.
    #[error("the kernel gives no random bytes")]
    Random,
    /// There are no root certificates that verify the authority's HTTPS server.
    #[error("{0}")]
    Roots(String),
    /// The key of an external account binding is missing or unreadable.
    #[error("the HMAC key of the account: {0}")]
    AccountKey(String),
    /// The test token did not come back.
    #[error("a test token did not come back from each domain, so the authority was not asked: {0}")]
    Unreachable(String),
    /// The authority was not reached, or its answer does not follow ACME.
    #[error("{0}: {1}")]
    Authority(&'static str, #[source] instant_acme::Error),
    /// The authority has answered with an error.
    #[error("{0}: the authority says: {text}", text = problem::text(.1))]
    Problem(&'static str, Problem),
    /// The authority has ended the order.
    #[error("the authority has ended the order: {text}", text = problem::text(.0))]
    Ended(Problem),
    /// The authority is still working on the order.
    #[error(
        "{0}: the authority has not completed the order yet; the next try continues this order"
    )]
    Pending(&'static str),
    /// The authority could not confirm a domain.
    #[error("the authority did not confirm every domain: {0}")]
    Unconfirmed(String),
    /// The authority offers no challenge over HTTP.
    #[error("the authority offers no challenge over HTTP for {0}")]
    NoChallenge(String),
    /// The new certificate fails a check.
    #[error("the new certificate is refused: {0}")]
    Candidate(#[from] Refusal),
    /// A key or a request can't be made.
    #[error("a key or a request can't be made: {0}")]
    Key(#[from] rcgen::Error),
    /// The call of `renew` took too long.
    #[error("this call of `flipless-certificates renew` took longer than {0} s")]
    Late(u64),
}

impl Failure {
    /// Returns the failure of a step with the authority.
    pub fn of(step: &'static str, error: instant_acme::Error) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::Problem(step, problem),
            instant_acme::Error::Timeout(_) => Self::Pending(step),
            other => Self::Authority(step, other),
        }
    }

    /// Returns the kind of the failure, which shows what another try costs.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Names(_)
            | Self::File(..)
            | Self::Locked
            | Self::Runtime(_)
            | Self::Challenge(_)
            | Self::Random
            | Self::Roots(_)
            | Self::AccountKey(_)
            | Self::Key(_)
            | Self::Unreachable(_) => Kind::Local,
            Self::Authority(..) | Self::Late(_) => Kind::Busy,
            Self::Pending(_) => Kind::Pending,
            Self::Unconfirmed(_) | Self::NoChallenge(_) | Self::Candidate(_) => Kind::Refused,
            Self::Problem(_, problem) | Self::Ended(problem) => match problem::meaning(problem) {
                Meaning::Limited => Kind::Limited,
                Meaning::Busy => Kind::Busy,
                Meaning::NoAccount | Meaning::Refused => Kind::Refused,
            },
        }
    }

    /// Returns whether the next try can continue the order. This is so if the authority has not completed or refused
    /// the order, or if the program could not store the certificate.
    pub fn keeps_order(&self) -> bool {
        match self {
            // The request did not reach the authority, or a proxy in front of the authority has answered.
            Self::Authority(_, instant_acme::Error::Other(_)) => true,
            Self::Authority(..) | Self::Key(_) | Self::Ended(_) => false,
            _ => self.kind() != Kind::Refused,
        }
    }

    /// Returns whether the answer is a client error without a problem document, such as a page with the status 404.
    /// Another try would get the same answer.
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Authority(_, instant_acme::Error::Other(other)) => other
                .downcast_ref::<NoAcme>()
                .is_some_and(NoAcme::is_lasting),
            _ => false,
        }
    }

    /// Returns what the owner can do about the failure.
    pub fn hint(&self) -> Option<&'static str> {
        let external = "urn:ietf:params:acme:error:externalAccountRequired";
        match self {
            Self::Names(_) => Some("change [https] domains in flipless.toml"),
            Self::Unreachable(_) => Some(
                "let the A record of each domain point to this instance, remove each AAAA record that \
                 points elsewhere, and open port 80 to everyone; the program tries again automatically",
            ),
            Self::Problem(_, problem) if problem.r#type.as_deref() == Some(external) => {
                Some("set account-key-id and account-hmac-property in [https] of flipless.toml")
            }
            Self::AccountKey(_) => Some(
                "set the environment property that account-hmac-property names to the authority's HMAC key \
                 (base64url)",
            ),
            Self::Roots(_) => Some(
                "set trusted-root in [https] of flipless.toml to a PEM file on the instance with root certificates",
            ),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ended_order_is_not_kept_whatever_the_reason_is() {
        for (name, kind) in [
            ("serverInternal", Kind::Busy),
            ("rateLimited", Kind::Limited),
            ("caa", Kind::Refused),
        ] {
            let json = format!(r#"{{"type":"urn:ietf:params:acme:error:{name}"}}"#);
            let problem: Problem = serde_json::from_str(&json).unwrap();
            let answer = Failure::Problem("the order", problem.clone());
            assert_eq!((answer.kind(), answer.keeps_order()), (kind, name != "caa"));
            let ended = Failure::Ended(problem);
            assert_eq!((ended.kind(), ended.keeps_order()), (kind, false));
        }
    }
}
