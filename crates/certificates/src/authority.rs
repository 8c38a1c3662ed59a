//! The account at the authority, and what the authority does for it (RFC 8555).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use crate::account::{self, Stored};
use crate::client::{Client, NoAcme};
use crate::failure::Failure;
use crate::http::Unanswered;
use crate::problem::{self, Meaning};
use crate::progress::Wanted;
use flipless_settings::Https;
use instant_acme::{
    Account, CertificateIdentifier, Error, Identifier, NewAccount, NewOrder, Order,
};

/// An account at the authority.
pub struct Authority<'a> {
    settings: &'a Https,
    state: &'a Path,
    client: Client,
    account: Account,
    /// Whether this call of `renew` has registered the account.
    fresh: bool,
}

impl<'a> Authority<'a> {
    /// Uses the stored account, or registers a new one.
    ///
    /// # Errors
    /// If the authority does not answer, or refuses to register an account.
    pub async fn enter(
        settings: &'a Https,
        state: &'a Path,
        client: Client,
        stored: Option<Stored>,
    ) -> Result<Self, Failure> {
        let builder = Account::builder_with_http(Box::new(client.clone()));
        let (account, fresh) = match stored {
            None => (register(settings, state, &client).await?, true),
            Some(stored) => match builder.from_credentials(stored.credentials).await {
                Ok(account) => (account, false),
                // The stored key is unreadable.
                Err(Error::KeyRejected | Error::Crypto) => {
                    (register(settings, state, &client).await?, true)
                }
                Err(error) => return Err(Failure::of("the directory", error)),
            },
        };
        Ok(Self {
            settings,
            state,
            client,
            account,
            fresh,
        })
    }

    /// Returns the URL of the account at the authority.
    pub fn account(&self) -> &str {
        self.account.id()
    }

    /// Returns the time that the authority suggests for the renewal of this certificate (RFC 9773), and the seconds
    /// until the program may ask again. Returns `None` if the authority suggests no times.
    ///
    /// # Errors
    /// If the authority does not answer.
    pub async fn suggestion(
        &self,
        certificate: &CertificateIdentifier<'_>,
    ) -> Result<Option<(u64, u64)>, Failure> {
        let (info, delay) = match self.account.renewal_info(certificate).await {
            Err(Error::Unsupported(_)) => return Ok(None),
            other => other.map_err(|error| Failure::of("the time of the renewal", error))?,
        };
        let window = info.suggested_window;
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
        let at = within(seconds(start), seconds(end), &certificate.to_string());
        Ok(Some((at, delay.as_secs())))
    }

    /// Opens an order, as the renewal of `replaces` if there is such a certificate. If the authority does not accept
    /// the renewal, opens an ordinary order. If the authority may have closed the account, registers a new account.
    ///
    /// # Errors
    /// If the authority refuses the order.
    pub async fn open(
        &mut self,
        wanted: &Wanted,
        replaces: Option<CertificateIdentifier<'_>>,
    ) -> Result<Order, Failure> {
        if replaces.is_some() {
            match self.request(wanted, replaces).await {
                Err(error) if may_be_the_renewal(&error) => {}
                other => return other.map_err(|error| Failure::of("the order", error)),
            }
        }
        let answer = match self.request(wanted, None).await {
            Err(Error::Api(problem)) if !self.fresh && problem::closes_account(&problem) => {
                eprintln!(
                    "the authority refuses the account: {}",
                    problem::text(&problem)
                );
                self.account = register(self.settings, self.state, &self.client).await?;
                self.fresh = true;
                self.request(wanted, None).await
            }
            other => other,
        };
        answer.map_err(|error| Failure::of("the order", error))
    }

    /// Fetches an order that an earlier call of `renew` has opened.
    ///
    /// # Errors
    /// If the authority does not answer, or has no such order.
    pub async fn reopen(&self, url: &str) -> Result<Order, Failure> {
        let order = self.account.order(url.to_owned()).await;
        order.map_err(|error| Failure::of("the open order", error))
    }

    async fn request(
        &self,
        wanted: &Wanted,
        replaces: Option<CertificateIdentifier<'_>>,
    ) -> Result<Order, Error> {
        let names: Vec<_> = wanted
            .names
            .iter()
            .map(|name| Identifier::Dns(name.into()))
            .collect();
        let mut order = NewOrder::new(&names);
        if let Some(profile) = &wanted.profile {
            order = order.profile(profile);
        }
        if let Some(certificate) = replaces {
            order = order.replaces(certificate);
        }
        self.account.new_order(&order).await
    }
}

/// Registers an account, and stores it.
async fn register(settings: &Https, state: &Path, client: &Client) -> Result<Account, Failure> {
    let contact = settings
        .email
        .as_ref()
        .map(|email| format!("mailto:{email}"));
    let contact: Vec<&str> = contact.as_deref().into_iter().collect();
    let account = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let binding = account::external_key(settings)?;
    let builder = Account::builder_with_http(Box::new(client.clone()));
    let created = builder.create(&account, settings.directory.clone(), binding.as_ref());
    let (account, credentials) = created
        .await
        .map_err(|error| Failure::of("the registration of an account", error))?;
    Stored::new(settings, credentials).save(state)?;
    Ok(account)
}

/// Returns whether the authority may accept an ordinary order after this answer to a renewal. An authority refuses a
/// renewal with `alreadyReplaced` or `malformed` (RFC 9773, section 5), or with `unauthorized` if another account has
/// ordered the certificate. Other authorities do not support renewals, or answer without the field `replaces`.
fn may_be_the_renewal(error: &Error) -> bool {
    match error {
        Error::Api(problem) => matches!(
            problem::meaning(problem),
            Meaning::Refused | Meaning::NoAccount
        ),
        Error::Unsupported(_) => true,
        Error::Other(other) => !other.is::<Unanswered>() && !other.is::<NoAcme>(),
        _ => false,
    }
}

/// Returns a time in the window. RFC 9773, section 4.2, asks for a random time. Here the time depends on the
/// certificate, so it is always the same for one certificate.
fn within(start: u64, end: u64, certificate: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    certificate.hash(&mut hasher);
    start + hasher.finish() % end.saturating_sub(start).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_in_the_window_and_always_the_same() {
        let at = within(1000, 2000, "certificate");
        assert!((1000..2000).contains(&at));
        assert_eq!(at, within(1000, 2000, "certificate"));
        assert_ne!(at, within(1000, 2000, "another"));
        assert_eq!(within(1000, 1000, "certificate"), 1000);
        assert_eq!(within(1000, 10, "certificate"), 1000);
    }
}
