//! An order at the authority, from the challenges to the certificate (RFC 8555, section 7.4).

use std::time::Duration;

use instant_acme::{
    AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use crate::challenge::Challenges;
use crate::failure::Failure;
use crate::names::Names;
use crate::problem;

/// The name of an order's last step in messages.
const CERTIFICATE: &str = "the certificate";

/// Returns how often, and for how long, to ask whether the authority has done its work.
fn polling(limit: Duration) -> RetryPolicy {
    let policy = RetryPolicy::new().initial_delay(Duration::from_millis(100));
    policy.backoff(1.5).timeout(limit)
}

/// Answers the challenges, and waits until the authority has validated all of them.
///
/// # Errors
/// If the authority does not confirm every name. The failure contains the authority's reasons.
pub async fn confirm(
    order: &mut Order,
    challenges: &mut Challenges,
    limit: Duration,
) -> Result<(), Failure> {
    let failed = |error| Failure::of("the challenges", error);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(failed)?;
        let name = authorization.identifier().to_string();
        if authorization.status != AuthorizationStatus::Pending {
            continue;
        }
        let challenge = authorization.challenge(ChallengeType::Http01);
        let mut challenge = challenge.ok_or(Failure::NoChallenge(name))?;
        let content = challenge.key_authorization();
        challenges
            .publish(&challenge.token, content.as_str())
            .map_err(Failure::Challenge)?;
        // An earlier call of `renew` may have answered the challenge. The authority then validates it without another
        // answer, and may repeat a failed validation by itself (RFC 8555, section 7.1.6).
        if challenge.status == ChallengeStatus::Pending {
            challenge.set_ready().await.map_err(failed)?;
        }
    }
    match order.poll_ready(&polling(limit)).await {
        Ok(OrderStatus::Ready) => Ok(()),
        Err(error) if order.state().status != OrderStatus::Invalid => Err(failed(error)),
        _ => Err(ended(order).await),
    }
}

/// Returns the failure of an order that the authority has ended. An invalid order stays invalid, whatever the reason is
/// (RFC 8555, section 7.1.6).
pub async fn ended(order: &mut Order) -> Failure {
    let reasons = reasons(order).await;
    match order.state().error.clone() {
        Some(problem) if reasons.is_empty() => Failure::Ended(problem),
        _ => unconfirmed(reasons),
    }
}

fn unconfirmed(reasons: Vec<String>) -> Failure {
    let text = reasons.join("; ");
    Failure::Unconfirmed(if text.is_empty() {
        "no reason".into()
    } else {
        text
    })
}

/// Returns the authority's reason for each name that it has not confirmed.
async fn reasons(order: &mut Order) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let errors = authorization
            .challenges
            .iter()
            .filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(errors.map(|problem| format!("{name}: {}", problem::text(problem))));
    }
    reasons
}

/// Returns a new private key for a certificate, in PEM.
///
/// # Errors
/// If the kernel gives no random bytes.
pub fn new_key() -> Result<String, Failure> {
    Ok(KeyPair::generate()?.serialize_pem())
}

/// Sends the request for the certificate of this key.
///
/// # Errors
/// If the authority refuses the request.
pub async fn finalize(order: &mut Order, key: &str, names: &Names) -> Result<(), Failure> {
    let key = KeyPair::from_pem(key)?;
    let mut request = CertificateParams::new(Vec::from_iter(names.iter().map(String::from)))?;
    request.distinguished_name = DistinguishedName::new();
    let request = request.serialize_request(&key)?;
    let sent = order.finalize_csr(request.der()).await;
    sent.map_err(|error| Failure::of(CERTIFICATE, error))
}

/// Waits for the certificate, and returns the chain in PEM.
///
/// # Errors
/// If the authority does not sign the certificate within the limit.
pub async fn fetch(order: &mut Order, limit: Duration) -> Result<String, Failure> {
    let chain = order.poll_certificate(&polling(limit)).await;
    chain.map_err(|error| match error {
        Error::Api(problem) if order.state().status == OrderStatus::Invalid => {
            Failure::Ended(problem)
        }
        other => Failure::of(CERTIFICATE, other),
    })
}
